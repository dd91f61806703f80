"""Whose an HTTP request is: the service and the region that it is signed for."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..defaults import REGION
from ..ses.state import is_region
from . import query_protocol
from .wire import ApiError

#: ``Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …``; the
#: scope of SigV4A, which multi-region endpoints want, has no region
#: (AWS IAM User Guide, "Elements of an AWS API request signature").
CREDENTIAL = re.compile(r"AWS4-[A-Z0-9-]+ .*?Credential=([^\s,]+)")
#: Which API versions are those of which service; only the query protocol has them.
VERSIONS = {"2010-12-01": "ses", "2010-03-31": "sns"}
#: What SNS lets everybody do: who has the token, or the subscription's ARN, may.
UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
V2_PATH = "/v2/email/"
#: A little more than the largest message of v2 (40 MB) in Base64.
MAX_BODY = 60 * 1024 * 1024
Environ = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a request is signed for.

    :param service: a signing name: v1 and v2 of SES share ``"ses"``.
    :param region: empty if the signature does not say.
    """

    service: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """An HTTP request that is for SES or SNS.

    :param service: ``"ses"``, ``"sesv2"`` or ``"sns"``.
    """

    service: str
    region: str
    form: dict[str, str]
    body: bytes


def recognise(environ: Environ) -> Call | None:
    """Read what is for SES or SNS; None, and nothing is read, if a request is for others.

    :raises ApiError: nobody would take it.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    scope = read_scope(authorization)
    is_v2 = environ.get("PATH_INFO", "").startswith(V2_PATH)
    body, form = b"", dict[str, str]()
    if scope is None:
        if is_v2:
            text = "Missing Authentication Token"
            raise ApiError("MissingAuthenticationTokenException", text, 403)
        if authorization or not may_be_form(environ):
            return None
        body, form = read_form(environ)
        scope = unsigned_scope(form)
    elif scope.service in ("ses", "sns"):
        body, form = (read_body(environ), {}) if is_v2 else read_form(environ)
    if scope is None or scope.service not in ("ses", "sns"):
        return None
    service = "sesv2" if is_v2 and scope.service == "ses" else scope.service
    return Call(service=service, region=_region(scope), form=form, body=body)


def read_scope(authorization: str) -> Scope | None:
    """The scope in an ``Authorization`` header; None if it is not AWS's.

    :raises ApiError: it is AWS's, and broken.
    """
    if not authorization.startswith("AWS4-"):
        return None
    found = CREDENTIAL.match(authorization)
    parts = found[1].split("/") if found else []
    if len(parts) == 5:
        return Scope(service=parts[3].lower(), region=parts[2])
    if len(parts) == 4:
        return Scope(service=parts[2].lower(), region="")
    raise ApiError(
        "IncompleteSignature", "The Authorization header has no credential scope of five parts."
    )


def may_be_form(environ: Environ) -> bool:
    """Whether an unsigned request may be a form of the query protocol."""
    content_type = environ.get("CONTENT_TYPE", "").lower()
    return environ.get("PATH_INFO", "/") in ("", "/") and (
        "Action=" in environ.get("QUERY_STRING", "")
        or content_type.startswith("application/x-www-form-urlencoded")
    )


def unsigned_scope(form: Mapping[str, str]) -> Scope | None:
    """The scope of a request without a signature; None: it is for neither SES nor SNS.

    :raises ApiError: it needs a signature.
    """
    action = form.get("Action", "")
    service = "sns" if action in UNSIGNED else VERSIONS.get(form.get("Version", ""))
    if service is None:
        return None
    if action not in UNSIGNED:
        raise ApiError("MissingAuthenticationToken", "Missing Authentication Token", 403)
    arn = form.get("TopicArn") or form.get("SubscriptionArn") or ""
    parts = arn.split(":")
    return Scope(service="sns", region=parts[3] if len(parts) > 5 else REGION)


def read_form(environ: Environ) -> tuple[bytes, dict[str, str]]:
    """The body of a request, and the fields in its query string and in its body."""
    body = read_body(environ)
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    return body, {**query_protocol.parse_form(query), **query_protocol.parse_form(body)}


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


def _too_large() -> ApiError:
    return ApiError("RequestEntityTooLarge", f"A request has at most {MAX_BODY} bytes.", 413)


def _region(scope: Scope) -> str:
    if scope.region and not is_region(scope.service, scope.region):
        raise ApiError(
            "SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403
        )
    return scope.region or REGION
