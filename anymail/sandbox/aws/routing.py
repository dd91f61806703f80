"""Which service and which operation an HTTP request is for."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from .api import ApiError
from .defaults import REGION
from .moto_state import is_region
from .protocol import parse_form

#: ``Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …``
#: (AWS IAM User Guide, "Elements of an AWS API request signature").
CREDENTIAL = re.compile(r"AWS4-[A-Z0-9-]+ .*?Credential=([^\s,]+)")
#: SNS takes these from everybody: the token, or the subscription's ARN, is enough.
UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
V2_PATH = "/v2/email/"
#: A little more than the largest message of v2 (40 MB) in Base64.
MAX_BODY = 60 * 1024 * 1024
Environ = dict[str, Any]


class Scope(NamedTuple):
    """What a request is signed for. v1 and v2 of SES share ``"ses"``."""

    service: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that is for one of our services.

    :param service: a signing name, or ``"sesv2"``.
    :param form: of SES v1.
    :param body: not of S3: its bodies may be large, and are moto's.
    """

    service: str
    region: str
    form: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def route(environ: Environ) -> Call:
    """Find out what a request is for.

    :raises ApiError: it is not signed, or cannot be read.
    """
    service, region = read_scope(environ) or _unsigned_scope(environ)
    if service == "s3":
        return Call(service=service, region=region)
    body = read_body(environ)
    if service != "ses":
        return Call(service=service, region=region, body=body)
    if not is_region(region):
        text = "Credential should be scoped to a valid region."
        raise ApiError("SignatureDoesNotMatch", text, 403)
    if _is_v2(environ):
        return Call(service="sesv2", region=region, body=body)
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    form = {**parse_form(query), **parse_form(body)}
    return Call(service=service, region=region, form=form, body=body)


def named_operations(environ: Environ, body: bytes) -> set[str]:
    """Every name of an operation in a request: moto may find another one than we do.

    It also finds one in JSON that looks like a form.
    """
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return ({target} if target else set()) | {
        value
        for text in (environ.get("QUERY_STRING", ""), body.decode("utf-8", "replace"))
        for name, value in parse_qsl(text, keep_blank_values=True)
        if name == "Action"
    }


def service_of(environ: Environ) -> str:
    """Whose errors the caller understands."""
    try:
        scope = read_scope(environ)
    except ApiError:
        scope = Scope("ses", "")
    if _is_v2(environ):
        return "sesv2"
    return "s3" if scope is None else scope.service


def sent_path(environ: Environ) -> str:
    """The path with its percent-encoding."""
    sent: str = environ.get("RAW_URI") or environ["PATH_INFO"]
    return sent.partition("?")[0]


def read_scope(environ: Environ) -> Scope | None:
    """What a request is signed for; None without a signature.

    :raises ApiError: the signature is broken.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if not authorization.startswith("AWS4-"):
        return None
    found = CREDENTIAL.match(authorization)
    parts = found[1].split("/") if found else []
    if len(parts) != 5:
        text = "The Authorization header has no credential scope of five parts."
        raise ApiError("IncompleteSignature", text)
    return Scope(service=parts[3].lower(), region=parts[2])


def read_body(environ: Environ) -> bytes:
    """The body of a request, which is put back for others to read.

    :raises ApiError: it is too large, or has no length.
    """
    size = MAX_BODY + 1 if environ.get("wsgi.input_terminated") else read_length(environ)
    try:
        body: bytes = environ["wsgi.input"].read(size)
    except OSError as err:
        raise ApiError("MalformedInput", f"The request cannot be read: {err}") from err
    if len(body) > MAX_BODY:
        raise _too_large()
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    return body


def read_length(environ: Environ) -> int:
    """How many bytes a request says that its body has.

    :raises ApiError: too many, or that is not a number.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise ApiError("MalformedInput", "The Content-Length is not a number.")
    if int(length[:12]) > MAX_BODY:
        raise _too_large()
    return int(length)


def _unsigned_scope(environ: Environ) -> Scope:
    """S3 can be signed for in the URL; some operations of SNS need no signature.

    :raises ApiError: nobody signed.
    """
    if _is_v2(environ):
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    credential = query.get("X-Amz-Credential", "").split("/")
    # Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
    if "AWSAccessKeyId" in query or (len(credential) == 5 and credential[3] == "s3"):
        return Scope(service="s3", region=REGION)
    named = named_operations(environ, read_body(environ))
    if named and named <= UNSIGNED:
        return Scope(service="sns", region=REGION)
    raise ApiError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def _is_v2(environ: Environ) -> bool:
    return bool(environ.get("PATH_INFO", "").startswith(V2_PATH))


def _too_large() -> ApiError:
    return ApiError("RequestEntityTooLarge", f"A request has at most {MAX_BODY} bytes.", 413)
