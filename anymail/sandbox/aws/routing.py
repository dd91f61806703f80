"""Who sends an HTTP request, for which service, and with which body.

What cannot be told, or is refused, raises ApiError.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from django.http.request import split_domain_port, validate_host
from moto.ses.models import ses_backends
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from .api import ApiError
from .defaults import ACCOUNT, REGION
from .protocol import Environ

#: ``Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …``; those
#: for several regions name none (AWS IAM User Guide, "Elements of an AWS API request signature").
SCOPE = re.compile(
    r"AWS4-[A-Z0-9-]+ .*?Credential=[^\s,/]*/[^\s,/]*/(?:([^\s,/]*)/)?([^\s,/]*)/[^\s,/]+(?![^\s,])"
)
#: A little more than the largest message of v2 (40 MB) in Base64.
MAX_BODY = 60 * 1024 * 1024


def refuse_browsers(environ: Environ, hosts: Sequence[str]) -> None:
    """Refuse requests that a web page makes, and requests for another host name than ours.

    A browser sends a page's forms to any address without asking, and AWS's APIs take forms.

    :param hosts: our names, as in Django's ``ALLOWED_HOSTS``.
    """
    # Fetch Standard, "Origin header"; Fetch Metadata Request Headers, "Sec-Fetch-Site": a browser
    # says "none" when its user typed the address.
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        raise ApiError("AccessDenied", "The sandbox answers programs, not web pages.", 403)
    host, _ = split_domain_port(environ.get("HTTP_HOST", ""))
    if not validate_host(host, list(hosts)):
        text = "The sandbox has another name than the one in Host, unless started --allow-remote."
        raise ApiError("AccessDenied", text, 403)


def ses_service(environ: Environ) -> str:
    """The API of SES whose path a request has."""
    return "sesv2" if environ.get("PATH_INFO", "").startswith("/v2/email/") else "ses"


def read_scope(environ: Environ) -> tuple[str, str]:
    """The service (``"sesv2"`` for v2 of SES) and the region that a request is signed for."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if not authorization.startswith("AWS4-"):
        return _read_signed_url(environ)
    found = SCOPE.match(authorization)
    if found is None:
        text = "The Authorization header has no credential scope."
        raise ApiError("IncompleteSignature", text)
    region, service = found[1] or REGION, found[2].lower()
    if service == "ses":
        service = ses_service(environ)
        if region not in ses_backends[ACCOUNT]:
            text = "Credential should be scoped to a valid region."
            raise ApiError("SignatureDoesNotMatch", text, 403)
    return service, region


def read_body(environ: Environ) -> bytes:
    """The body of a request, which is put back for others to read."""
    try:
        body = get_input_stream(environ, max_content_length=MAX_BODY).read()
    except (HTTPException, OSError) as err:
        status = getattr(err, "code", None) or 400
        raise ApiError("MalformedInput", f"The request cannot be read: {err}", status) from err
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    return body


def _read_signed_url(environ: Environ) -> tuple[str, str]:
    """S3 can be signed for in the URL, in two ways (Amazon S3 API Reference, "Authenticating
    Requests: Using Query Parameters")."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    if "AWSAccessKeyId" in query or "/s3/" in query.get("X-Amz-Credential", ""):
        return "s3", REGION
    ending = "Exception" if ses_service(environ) == "sesv2" else ""
    raise ApiError(f"MissingAuthenticationToken{ending}", "Missing Authentication Token", 403)
