"""Refuses operations as IAM does when the caller's policies do not allow them."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from moto.core.utils import get_service_model

from .api import ApiError
from .defaults import ACCOUNT
from .protocol import Environ, find_operation

#: IAM's prefixes of services that have another name here.
PREFIXES = {"sesv2": "ses"}
#: The codes of this error that are not ``AccessDenied``, and its HTTP statuses that are not 403.
CODES = {
    "kms": "AccessDeniedException",
    "sesv2": "AccessDeniedException",
    "sns": "AuthorizationError",
}
STATUSES = {"kms": 400}


def check_permission(denied: Collection[str], service: str, environ: Environ, body: bytes) -> None:
    """Refuse an operation that is denied.

    :param denied: as :attr:`.faults.Faults.denied` has them.
    :raises ApiError: it is.
    """
    if not denied:
        return
    named = f"{PREFIXES.get(service, service)}:{_operation(service, environ, body)}"
    if named in denied:
        text = (
            f"User: arn:aws:iam::{ACCOUNT}:user/sandbox is not authorized to perform: {named} "
            f"because no identity-based policy allows the {named} action"
        )
        raise ApiError(CODES.get(service, "AccessDenied"), text, STATUSES.get(service, 403))


def _operation(service: str, environ: Environ, body: bytes) -> str:
    """What a request is for; empty if it cannot be told."""
    if service == "s3":
        return _operation_of_s3(environ)
    if service == "sesv2":
        return find_operation(service, environ)[0]
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    return dict(parse_qsl(body.decode("latin-1"))).get("Action", "")


def _operation_of_s3(environ: Environ) -> str:
    """The operation with this method and kind of path whose query is most like the request's; of
    several, the one with the plainest name: ``GetObject``, not ``ListParts``."""
    given = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    parts = [part for part in environ["PATH_INFO"].split("/") if part]
    depth = min(len(parts), 2)  # of the account, of a bucket, of an object
    model, found = get_service_model("s3"), []
    for name in model.operation_names:
        http = model.operation_model(name).http
        # botocore takes the bucket away from requestUri in models of which there are clients.
        path, query = http.get("authPath", http["requestUri"]), http["requestUri"].partition("?")[2]
        wanted = {word.partition("=")[0] for word in query.split("&") if word}
        is_asked = http["method"] == environ["REQUEST_METHOD"] and wanted <= given.keys()
        if is_asked and path.count("{") == depth and not model.operation_model(name).deprecated:
            found.append((-len(wanted), len(name), name))
    return min(found, default=(0, 0, ""))[2]
