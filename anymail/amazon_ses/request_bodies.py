"""How raw messages get into HTTP requests: through botocore's own events, at C speed.

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

#: Stands for the content while botocore serialises the request. Nothing that a message may hold
#: can look like it: it is not valid as an address, a name or a tag.
STAND_IN = b"\x00anymail: the raw message\x00"
STAND_IN_BASE64 = b64encode(STAND_IN)
CONTEXT_KEY = "anymail_content"


def register(client: Any) -> None:
    """Have a boto3 client for SES take large messages, and encode all of them fast.

    :param client: of ``ses`` or ``sesv2``; handlers of its events are registered.
    """
    events = client.meta.events
    events.register("before-parameter-build.ses.SendRawEmail", set_aside_v1)
    events.register("before-call.ses.SendRawEmail", build_form)
    events.register("before-parameter-build.sesv2.SendEmail", set_aside_v2)
    events.register("before-call.sesv2.SendEmail", build_json)


def set_aside_v1(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """Before botocore serialises: remember a file, and leave a stand-in.

    :param params: of the call; changed.
    :param context: what the handlers of one request share.
    """
    data = (params.get("RawMessage") or {}).get("Data")
    if isinstance(data, StreamedFile):
        context[CONTEXT_KEY] = data
        params["RawMessage"] = {"Data": STAND_IN}


def set_aside_v2(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """The same as :func:`set_aside_v1`, for v2."""
    data = ((params.get("Content") or {}).get("Raw") or {}).get("Data")
    if isinstance(data, StreamedFile):
        context[CONTEXT_KEY] = data
        params["Content"] = {"Raw": {"Data": STAND_IN}}


def build_form(params: dict[str, Any], context: dict[str, Any], **_kwargs: Any) -> None:
    """After botocore serialised: replace the dict, which it would encode slowly, by the body.

    :param params: the request: ``body`` and ``headers`` are changed.
    :param context: what the handlers of one request share.
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
    """After botocore serialised: put the content where the stand-in is.

    :param params: the request: ``body`` and ``headers`` are changed.
    :param context: what the handlers of one request share.
    """
    content = context.get(CONTEXT_KEY)
    if content is not None:
        prefix, _, suffix = params["body"].partition(STAND_IN_BASE64)
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
    """One pass finds the length and the hash; botocore would make a pass for each."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks():
        digest.update(chunk)
        size += len(chunk)
    params["body"] = StreamedFile(chunks, size)
    # Signature version 4 uses this instead of reading the body (AWS General Reference, "Create a
    # canonical request").
    params["headers"]["X-Amz-Content-SHA256"] = digest.hexdigest()
