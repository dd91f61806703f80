"""The credentials of HTTP basic authentication (RFC 7617) in a request."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Sequence
from urllib.parse import quote

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

# Secrets are compared by a hash that is worthless outside of this process: error reports show the
# variables of every function, and neither the secret nor what it could be guessed from is in one.
_HASH_KEY = os.urandom(32)


@sensitive_variables()
def has_secret(request: HttpRequest, secrets: Sequence[str]) -> bool:
    """Whether a request came with one of the secrets. False if there are none.

    :param secrets: like ``"user:password"``.
    """
    given = _hash(basic_credentials(request))
    # Every secret is compared, and each in constant time.
    matches = [hmac.compare_digest(given, known) for known in map(_hash, secrets)]
    return any(matches)


@sensitive_variables()
def basic_credentials(request: HttpRequest) -> bytes:
    """The ``user:password`` in a request's ``Authorization`` header; empty without one."""
    scheme, _, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""


def get_request_basic_auth(request: HttpRequest) -> str | None:
    """The ``user:password`` that a request was sent with, or None."""
    return basic_credentials(request).decode("utf-8", "replace") or None


def get_request_uri(request: HttpRequest) -> str:
    """The URL that was called, with the ``user:password`` that it was called with."""
    url = request.build_absolute_uri()
    credentials = get_request_basic_auth(request)
    if credentials is None:
        return url
    scheme, _, rest = url.partition("://")
    user, _, password = credentials.partition(":")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


@sensitive_variables()
def _hash(credentials: bytes | str) -> bytes:
    if isinstance(credentials, str):
        credentials = credentials.encode()
    return hmac.digest(_HASH_KEY, credentials, "sha256")
