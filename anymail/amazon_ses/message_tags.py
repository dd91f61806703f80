"""SES message tags: of the package, of settings and of ``esp_extra``, merged name by name."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..addresses import EmailAddress
from ..conf import AmazonSESSettings, SendSettings
from ..conf.aws_values import MESSAGE_TAG, MESSAGE_TAG_NAME
from ..exceptions import AnymailSerializationError
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME
from .template_calls import ByRecipient

RULE = "it can have 1 to 255 ASCII letters, digits, '_' and '-'"
SANITIZE = (
    'ANYMAIL["AMAZON_SES_SANITIZE_MESSAGE_TAGS"] = True replaces other characters and cuts off '
    "what is too long"
)
#: SES uses it only if there are no tags in the parameters of the call.
HEADER = "X-SES-MESSAGE-TAGS"

Tags = list[dict[str, str]]


class MessageTags:
    """The message tags of a message. Of those with the same name the last counts.

    They come from the package itself, from metadata, from the Anymail tag, and from the user's
    parameters.

    :param names: the parameters in ``esp_extra`` that hold tags; the last one wins.
    """

    def __init__(
        self,
        message: OutgoingMessage,
        settings: AmazonSESSettings,
        send_settings: SendSettings,
        names: Sequence[str],
    ) -> None:
        self._message = message
        self._settings = settings
        self._strict = not send_settings.ignore_unsupported_features
        self._names = names
        self._merge_metadata: ByRecipient[Mapping[str, Any]] = ByRecipient(
            message.merge_metadata, {}
        )
        keys = set(settings.metadata_message_tags)
        #: Recipients of a template have tags of their own, from ``merge_metadata``.
        self.are_personal: bool = any(
            not keys.isdisjoint(own) for own in (message.merge_metadata or {}).values()
        )

    def common(self) -> Tags:
        """The tags of all recipients, as SES takes them (API reference, "MessageTag").

        :raises AnymailSerializationError: what is in ``esp_extra`` are no tags.
        :raises AnymailUnsupportedFeature: SES does not accept one, or there are several Anymail
            tags for ``AMAZON_SES_MESSAGE_TAG_NAME``.
        """
        return self._merged(self._message.metadata or {})

    def of(self, recipient: EmailAddress) -> Tags:
        """The tags of one recipient of a template, including the common ones.

        :raises AnymailError: as :meth:`common`.
        """
        own = self._merge_metadata.get(recipient)
        return self._merged({**(self._message.metadata or {}), **own})

    def _merged(self, metadata: Mapping[str, Any]) -> Tags:
        merged = {
            **self._message.message_tags,
            **dict(self._metadata_tags(metadata)),
            **dict(self._anymail_tag()),
        }
        extra = self._message.esp_extra or {}
        found = {name: _tags_in(extra.get(name), name) for name in self._names}
        header = self._message.headers.get(HEADER)
        if header is not None and (merged or any(found.values())):
            found = {HEADER: _parse_header(str(header)), **found}
        for where, tags in found.items():
            merged.update(self._checked(tags, where))
        return [{"Name": name, "Value": value} for name, value in merged.items()]

    def _metadata_tags(self, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name in self._settings.metadata_message_tags:
            value = metadata.get(name)
            if value is None or value == "":
                continue
            if isinstance(value, (int, float)):
                value = json.dumps(value)  # as in X-Metadata: true, not True
            yield from self._fitting(name, value, f"metadata {name!r}")

    def _anymail_tag(self) -> Iterator[tuple[str, str]]:
        name, tags = self._settings.message_tag_name, self._message.tags
        if not name or not tags:
            return
        if len(tags) > 1 and self._strict:
            raise unsupported(
                "multiple tags with the AMAZON_SES_MESSAGE_TAG_NAME setting", ESP_NAME
            )
        yield from self._fitting(name, tags[0], f"the tag {tags[0]!r}")

    def _fitting(self, name: str, value: Any, what: str) -> Iterator[tuple[str, str]]:
        """A tag, sanitized if that is wanted; nothing if SES would not accept it all the same.

        :param what: the value is, for the error.
        """
        sanitized = sanitize(value) if isinstance(value, str) else ""
        text = sanitized if self._settings.sanitize_message_tags else value
        if isinstance(text, str) and MESSAGE_TAG.fullmatch(text):
            yield name, text
        elif self._strict:
            advice = f". {SANITIZE}" if sanitized else ""
            raise unsupported(f"{what} as a message tag: {RULE}{advice}", ESP_NAME)

    def _checked(self, tags: Sequence[Mapping[str, str]], where: str) -> Iterator[tuple[str, str]]:
        """Tags that the user wrote for SES."""
        for name, value in ((tag["Name"], tag["Value"]) for tag in tags):
            if MESSAGE_TAG_NAME.fullmatch(name) and MESSAGE_TAG.fullmatch(value):
                yield name, value
            elif self._strict:
                raise unsupported(f"the message tag {name!r} in {where}: {RULE}", ESP_NAME)


def covers_metadata(message: OutgoingMessage, settings: AmazonSESSettings) -> bool:
    """Whether all of a message's metadata is sent as message tags."""
    keys = set(message.metadata or {}).union(*(message.merge_metadata or {}).values())
    return keys <= set(settings.metadata_message_tags) != set()


def sanitize(value: str) -> str:
    """A text with ``_`` for what a message tag cannot have; accents are dropped, the end cut off.

    :param value: ``"Zürich, 8001"`` becomes ``"Zurich__8001"``.
    """
    decomposed = unicodedata.normalize("NFKD", value)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.sub(r"[^A-Za-z0-9_-]", "_", bare)[:255]


def _tags_in(value: Any, parameter: str) -> Sequence[Mapping[str, str]]:
    if value is None:
        return ()
    are_tags = isinstance(value, (list, tuple)) and all(
        isinstance(tag, Mapping)
        and tag.keys() == {"Name", "Value"}
        and all(isinstance(text, str) for text in tag.values())
        for tag in value
    )
    if not are_tags:
        raise AnymailSerializationError(
            f"`esp_extra[{parameter!r}]` must be a list of "
            '{"Name": "campaign", "Value": "spring"}'
        )
    tags: Sequence[Mapping[str, str]] = value
    return tags


def _parse_header(value: str) -> Sequence[Mapping[str, str]]:
    """The tags in an ``X-SES-MESSAGE-TAGS`` header: ``a=1, b=2``."""
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return [{"Name": name.strip(), "Value": text.strip()} for name, _, text in pairs]
