"""What a message says, as a fingerprint: the same message, built again, has the same."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.core.mail import EmailMessage

from .freezing import StoredPart, chunks_of, freeze_attributes

#: What :func:`email.utils.make_msgid` makes.
MADE_ID = re.compile(r"<([0-9]+\.[0-9]+\.[0-9]+(?:\.[^<>@\s]*)?@[^<>@\s]+)>")
BOUNDARY = re.compile(r';\s*boundary=(?:"[^"]*"|[^\s;]*)', re.IGNORECASE)
#: Headers that say when and by what a message was built.
BUILT = frozenset({"date", "message-id", "mime-version"})


def fingerprint(message: EmailMessage) -> str:
    """The SHA-256 of all that a message says, in hexadecimal: of what :func:`.freeze` stores.

    What is made anew each time does not count: content ids that
    :func:`email.utils.make_msgid` made (their order does), boundaries, Date, Message-ID, and what a
    class that builds its MIME in a way of its own makes of the attributes.

    :param message: any Django message, which is not changed.
    :raises AnymailSerializationError: as :func:`.freeze`.
    """
    frozen = freeze_attributes(message)
    same = _Canonical(frozen.parts).message(frozen.data)
    text = json.dumps(same, sort_keys=True, separators=(",", ":"))
    for position, made in enumerate(_made_ids(frozen.data)):
        for spelling in (made, quote(made, safe="")):
            text = text.replace(json.dumps(spelling)[1:-1], f"content-id-{position}")
    return _sha256([text.encode("ascii")])


class _Canonical:
    """Makes the form of a message that is the same whenever it is built.

    :param parts: the contents that are not in the data.
    """

    def __init__(self, parts: Sequence[StoredPart]) -> None:
        self.parts = parts

    def message(self, data: Mapping[str, Any]) -> dict[str, Any]:
        same = {key: value for key, value in data.items() if key not in ("version", "part_sizes")}
        same["extra_headers"] = {
            name: value
            for name, value in (data.get("extra_headers") or {}).items()
            if name.lower() not in BUILT
        }
        same["alternatives"] = [
            [mimetype, content if "text" in content else self._content(content)]
            for mimetype, content in data.get("alternatives") or ()
        ]
        same["attachments"] = [self._attachment(a) for a in data.get("attachments") or ()]
        return same

    def _attachment(self, attachment: Mapping[str, Any]) -> Any:
        if "part" in attachment:
            return self._part(attachment["part"])
        return {**attachment, "content": self._content(attachment["content"])}

    def _content(self, content: Mapping[str, Any]) -> Any:
        [(kind, value)] = content.items()
        if kind == "message":
            return self.message(value)
        if kind == "part":
            return self._part(value)
        if kind == "text":
            return _sha256(chunks_of(value))
        if kind == "base64":
            return _sha256([b64decode(value)])
        return _sha256(self.parts[value].chunks())

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        headers = [
            [name.lower(), BOUNDARY.sub("", value)]
            for name, value, *_ in part["headers"]
            if name.lower() not in BUILT
        ]
        same: dict[str, Any] = {"headers": sorted(headers)}
        if "parts" in part:
            same["parts"] = [self._part(inner) for inner in part["parts"]]
        if "content" in part:
            same["content"] = self._content(part["content"])
        return same


def _made_ids(data: Mapping[str, Any]) -> list[str]:
    """The content ids of the attachments that make_msgid made, in their order."""
    parts = [a["part"] for a in data.get("attachments") or () if "part" in a]
    return [made for part in parts for made in _ids_in(part)]


def _ids_in(part: Mapping[str, Any]) -> Iterator[str]:
    for name, value, *_ in part["headers"]:
        if name.lower() == "content-id" and (made := MADE_ID.fullmatch(value.strip())):
            yield made[1]
    for inner in part.get("parts", ()):
        yield from _ids_in(inner)


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
