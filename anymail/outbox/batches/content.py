"""The content of messages, of which those in a batch have most in common.

``Batch.content`` is a frozen message without recipients, and its large attachments are stored once.
``Entry.content`` has what is different: see :func:`.freezing.freeze_personal`.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...message import AnymailMessage
from ..attachments import open_part
from ..ledger import batches
from ..models import Entry
from ..thawing import UnreadableContent, parse_stored, part_names, thaw

#: Of so many batches a worker remembers the content.
REMEMBERED = 4
#: In bytes. Larger attachments of a batch are read again for each of its messages.
MAX_REMEMBERED = 16 * 1024 * 1024


def combine(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of a message in a batch.

    :param shared: of its batch.
    :param own: what is different in it.
    :raises UnreadableContent: one of them is damaged.
    """
    try:
        versions = [int(shared["version"]), int(own["version"])]
        attributes = {**shared.get("anymail", {}), **own.get("anymail", {})}
    except (TypeError, ValueError, LookupError) as err:
        raise UnreadableContent(f"The stored message is damaged ({type(err).__name__}).") from None
    return {**shared, **own, "version": max(versions), "anymail": attributes}


def whole_content(entry: Entry) -> str | None:
    """The stored form of any message, as text.

    :return: None if it was deleted, or that of its batch was.
    :raises UnreadableContent: it is damaged.
    """
    if entry.batch_id is None or entry.content is None:
        return entry.content
    shared = _content_of(entry.batch_id)
    if shared is None:
        return None
    return json.dumps(combine(parse_stored(shared), parse_stored(entry.content)))


@dataclass(frozen=True, kw_only=True, repr=False)
class _Shared:
    """What the messages of a batch have in common.

    :param parts: the contents that are stored elsewhere, by index, once they were read.
    """

    data: Mapping[str, Any]
    parts: dict[int, bytes] = field(default_factory=dict)


class Contents:
    """Thaws messages. What those of a batch have in common is read once, not for each of them."""

    def __init__(self) -> None:
        self._shared: OrderedDict[int, _Shared] = OrderedDict()

    def thaw(self, entry: Entry) -> AnymailMessage:
        """The message of an entry.

        :param entry: with its content.
        :raises Exception: as :func:`.thawing.thaw`, :func:`.attachments.open_part`.
        """
        own = parse_stored(entry.content or "")
        if entry.batch_id is None:
            return thaw(own, _opener(own))
        shared = self._of(entry.batch_id)
        return thaw(combine(shared.data, own), _remembering(shared))

    def _of(self, batch_id: int) -> _Shared:
        shared = self._shared.pop(batch_id, None) or _read(batch_id)
        if sum(shared.data.get("part_sizes", ())) <= MAX_REMEMBERED:
            self._shared[batch_id] = shared
        if len(self._shared) > REMEMBERED:
            self._shared.popitem(last=False)
        return shared


def _read(batch_id: int) -> _Shared:
    content = _content_of(batch_id)
    if content is None:
        raise UnreadableContent("The content of the batch was deleted.")
    return _Shared(data=parse_stored(content))


def _content_of(batch_id: int) -> str | None:
    content: str | None = batches().values_list("content", flat=True).get(pk=batch_id)
    return content


def _opener(data: Mapping[str, Any]) -> Callable[[int], bytes]:
    names = part_names(data)
    return lambda index: open_part(names[index])


def _remembering(shared: _Shared) -> Callable[[int], bytes]:
    opener = _opener(shared.data)

    def open_once(index: int) -> bytes:
        if index not in shared.parts:
            shared.parts[index] = opener(index)
        return shared.parts[index]

    return open_once
