"""Puts raw messages into HTTP requests through botocore's events, at C speed.

botocore percent-encodes a v1 request in Python, which takes a second for 5 MB, and holds several
copies of what it sends. Here the body of a request is generated while it is read.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from ..mime.streaming import StreamedFile, encode_base64, percent_encode

#: Takes the place of the content while botocore serialises the request. It cannot occur in one: it
#: is not valid as an address, a name or a tag.
PLACEHOLDER = b"\x00anymail: the raw message\x00"
PLACEHOLDER_BASE64 = b64encode(PLACEHOLDER)
CONTEXT_KEY = "anymail_content"


def register(client: Any) -> None:
    """Have a boto3 client for SES take large messages, and encode all of them fast.

    :param client: of ``ses`` or ``sesv2``; handlers of its events are registered.
    """
    events = client.meta.events
    events.register("before-parameter-build.ses.SendRawEmail", use_placeholder_v1)
    events.register("before-call.ses.SendRawEmail", build_form)
    events.register("before-parameter-build.sesv2.SendEmail", use_placeholder_v2)
    events.register("before-call.sesv2.SendEmail", build_json)


def use_placeholder_v1(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """Before botocore serialises a v1 call: remember a file, and leave a placeholder.

    :param params: of the call; changed.
    :param context: shared by the handlers of one request.
    """
    data = (params.get("RawMessage") or {}).get("Data")
    if isinstance(data, StreamedFile):
        context[CONTEXT_KEY] = data
        params["RawMessage"] = {"Data": PLACEHOLDER}


def use_placeholder_v2(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """Before botocore serialises a v2 call; see :func:`use_placeholder_v1`."""
    data = ((params.get("Content") or {}).get("Raw") or {}).get("Data")
    if isinstance(data, StreamedFile):
        context[CONTEXT_KEY] = data
        params["Content"] = {"Raw": {"Data": PLACEHOLDER}}


def build_form(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """After botocore serialised a v1 call: encode the body, which botocore would do slowly.

    :param params: the request: ``body`` and ``headers`` are changed.
    :param context: shared by the handlers of one request.
    """
    fields = params["body"]
    if not isinstance(fields, dict) or "RawMessage.Data" not in fields:
        return
    names = list(fields)
    position = names.index("RawMessage.Data")
    before = [(name, fields[name]) for name in names[:position]]
    after = [(name, fields[name]) for name in names[position + 1 :]]
    prefix = (urlencode(before) + "&RawMessage.Data=").encode("ascii")
    suffix = ("&" + urlencode(after) if after else "").encode("ascii")
    content = context.get(CONTEXT_KEY)
    if content is None:
        params["body"] = prefix + percent_encode(fields["RawMessage.Data"].encode()) + suffix
    else:
        _set_body(params, partial(_body, prefix, content, suffix, percent_encode))


def build_json(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """After botocore serialised a v2 call: replace the placeholder by the content.

    :param params: the request: ``body`` and ``headers`` are changed.
    :param context: shared by the handlers of one request.
    """
    content = context.get(CONTEXT_KEY)
    if content is not None:
        prefix, _, suffix = params["body"].partition(PLACEHOLDER_BASE64)
        _set_body(params, partial(_body, prefix, content, suffix, bytes))


def _body(
    prefix: bytes, content: StreamedFile, suffix: bytes, encode: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    yield prefix
    for chunk in encode_base64(content.chunks()):
        yield encode(chunk)
    if suffix:
        yield suffix


def _set_body(params: dict[str, Any], chunks: Callable[[], Iterator[bytes]]) -> None:
    """Set the body, with its length and hash from one pass; botocore would make two."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks():
        digest.update(chunk)
        size += len(chunk)
    params["body"] = StreamedFile(chunks, size)
    # Signature version 4 uses this instead of reading the body (AWS General Reference, "Create a
    # canonical request").
    params["headers"]["X-Amz-Content-SHA256"] = digest.hexdigest()
