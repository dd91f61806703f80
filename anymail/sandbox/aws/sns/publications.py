"""Publication: what is published to an SNS topic.

Source: Amazon SNS API Reference, "Publish".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..api import ApiError

#: Less than 100 characters, no line breaks or control characters.
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,99}")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[\w.-]+)?|String\.Array")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """Something to publish.

    :param texts: what is sent over which protocol, if not ``message``.
    :param attributes: message attributes, as they stand in the envelope.
    """

    topic_arn: str
    message: str
    subject: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def text_for(self, protocol: str) -> str:
        """What is sent over a protocol, for example ``"https"``."""
        return self.texts.get(protocol, self.message)


def invalid_parameter(what: str) -> ApiError:
    """SNS's error for a parameter that it does not accept."""
    return ApiError("InvalidParameter", f"Invalid parameter: {what}")


def parse_publication(topic_arn: str, params: Mapping[str, Any]) -> Publication:
    """What somebody asks the API to publish.

    :param params: of ``Publish``, or an entry of ``PublishBatch``.
    :raises ApiError: SNS does not accept it.
    """
    message, texts = params.get("Message"), {}
    structure = params.get("MessageStructure")
    if structure == "json":
        texts = _texts(message)
        message = texts.get("default")
        if message is None:
            raise invalid_parameter("Message Structure - No default entry in JSON message body")
    elif structure is not None:
        raise invalid_parameter("MessageStructure")
    return Publication(
        topic_arn=topic_arn,
        message=message if isinstance(message, str) else "",
        subject=params.get("Subject"),
        texts=texts,
        attributes=_attributes(params.get("MessageAttributes") or {}),
    )


def check_publication(publication: Publication, max_size: int) -> None:
    """Refuse what SNS does not accept.

    :param max_size: how many bytes a message may have.
    :raises ApiError: with what is wrong.
    """
    subject = publication.subject
    if subject is not None and not (isinstance(subject, str) and _SUBJECT.fullmatch(subject)):
        raise invalid_parameter("Subject")
    if not publication.message:
        raise invalid_parameter("Empty message")
    for text in (publication.message, *publication.texts.values()):
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise invalid_parameter("Message: it is not valid Unicode") from None
        if size > max_size:
            raise invalid_parameter("Message too long")


def _texts(message: Any) -> dict[str, str]:
    try:
        texts = json.loads(message)
    except (TypeError, ValueError, RecursionError):
        texts = None
    if not isinstance(texts, dict):
        raise invalid_parameter("Message Structure - JSON message body failed to parse")
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _attributes(given: Any) -> dict[str, dict[str, str]]:
    if not isinstance(given, dict):
        raise invalid_parameter("MessageAttributes")
    return {str(name): _attribute(name, value) for name, value in given.items()}


def _attribute(name: Any, given: Any) -> dict[str, str]:
    kind = given.get("DataType") if isinstance(given, dict) else None
    if isinstance(kind, str) and _DATA_TYPE.fullmatch(kind):
        value = given.get("BinaryValue" if kind.startswith("Binary") else "StringValue")
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if isinstance(value, str) and value:
            return {"Type": kind, "Value": value}
    raise ApiError(
        "ParameterValueInvalid",
        f"The message attribute '{name}' must contain a valid type and a non-empty value.",
    )
