"""The protocol of SES v1 and of SNS, what is answered: XML.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any
from xml.sax.saxutils import escape

from .api_models import operation_model, service_model
from .wire import ApiAnswer, ApiError, ApiRequest

CONTENT_TYPE = "text/xml"
#: What XML 1.0 has no way to write.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def build_answer(request: ApiRequest, answer: ApiAnswer) -> bytes:
    """The body of an answer."""
    name = request.operation
    model = operation_model(request.service, name)
    output = model.output_shape if model is not None else None
    result = ""
    if output is not None:
        content = "".join(_members(output, answer.result))
        result = f"<{name}Result>{content}</{name}Result>"
    return _document(f"{name}Response", request.service, result, metadata=True)


def build_error(error: ApiError, service: str) -> bytes:
    """The body of an answer that is an error."""
    fault = "Sender" if error.status < 500 else "Receiver"
    text = (
        f"<Error><Type>{fault}</Type><Code>{_text(error.code)}</Code>"
        f"<Message>{_text(str(error))}</Message></Error>"
    )
    return _document("ErrorResponse", service, text, metadata=False)


def _members(shape: Any, value: Mapping[str, Any]) -> Iterable[str]:
    for name, member in shape.members.items():
        if value.get(name) is not None:
            tag = member.serialization.get("name", name)
            yield f"<{tag}>{_xml(member, value[name])}</{tag}>"


def _xml(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(_members(shape, value))
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{tag}>{_xml(shape.member, item)}</{tag}>" for item in value)
    if shape.type_name == "map":
        return "".join(
            f"<entry><key>{_text(key)}</key><value>{_xml(shape.value, item)}</value></entry>"
            for key, item in value.items()
        )
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return _text(str(value))


def _text(text: str) -> str:
    return escape(NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _document(name: str, service: str, content: str, *, metadata: bool) -> bytes:
    namespace = service_model(service).metadata["xmlNamespace"]
    request_id = f"<RequestId>{uuid.uuid4()}</RequestId>"
    if metadata:
        request_id = f"<ResponseMetadata>{request_id}</ResponseMetadata>"
    return f'<{name} xmlns="{namespace}">{content}{request_id}</{name}>'.encode()
