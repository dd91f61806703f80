"""Every mail to an address, a page at a time.

Every query reads a bounded part of an index, however much mail an address gets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from ..actions import OVER
from ..models import EntryTag, Recipient
from .became import Stage, stages
from .happenings import Happening, happenings_of_messages

#: How many mails are on a page.
PAGE = 25
#: How many events of them are read.
MAX_HAPPENINGS = 2_000
#: How many tags of a mail are shown, and read for each on average.
MAX_TAGS = 20


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail to an address.

    :param row: the recipient, with its entry, whose content is not read.
    :param stages: what became of it.
    :param tags: in the order of the alphabet.
    :param is_over: whether it has come to an end.
    :param is_repeatable: whether :func:`anymail.outbox.send_again` would send it.
    """

    row: Recipient
    stages: tuple[Stage, ...]
    tags: tuple[str, ...] = ()
    is_over: bool = False
    is_repeatable: bool = False


@dataclass(frozen=True, kw_only=True)
class MailPage:
    """A page of mails, the newest first.

    :param mails: those on this page.
    :param older: the parameter ``before`` of the next page; None on the last one.
    """

    mails: tuple[Mail, ...]
    older: UUID | None


@dataclass(frozen=True, kw_only=True)
class Link:
    """Leads to the page of a mail.

    :param entry_id: its id in the outbox.
    :param subject: its subject.
    """

    entry_id: UUID
    subject: str


def mail_to(key: str, before: UUID | None = None) -> MailPage:
    """The newest mails to an address.

    :param key: the address, in the form of :func:`.database.columns.address_key`.
    :param before: only those that were stored before the mail with this id.
    """
    found = list(_rows(key, before)[: PAGE + 1])
    rows, older = _whole_entries(found)
    reported = _happenings(key, rows)
    tags = _tags([row.entry_id for row in rows])
    mails = (
        Mail(
            row=row,
            stages=stages(row, _about(row, reported)),
            tags=tags[row.entry_id],
            is_over=row.entry.state in OVER,
            is_repeatable=row.has_content and row.entry.state in OVER,
        )
        for row in rows
    )
    return MailPage(mails=tuple(mails), older=older)


def links_to(key: str, mails: Iterable[Mail], message_ids: Iterable[str]) -> dict[str, Link]:
    """The pages of the mails that SES's messages to an address are, as far as they are in the log.

    :param key: as in :func:`mail_to`.
    :param mails: some that are known already.
    :param message_ids: of some of its events.
    """
    found = {
        name: Link(entry_id=mail.row.entry_id, subject=mail.row.entry.subject)
        for mail in mails
        for name in filter(None, (mail.row.message_id, mail.row.second_message_id))
    }
    if others := {*message_ids} - found.keys() - {""}:
        rows = Recipient._default_manager.filter(message_id__in=others, address_key=key)
        for name, entry_id, subject in rows.values_list("message_id", "entry", "entry__subject"):
            found[name] = Link(entry_id=entry_id, subject=subject)
    return found


def _rows(key: str, before: UUID | None) -> QuerySet[Any]:
    rows: QuerySet[Any] = Recipient._default_manager.filter(address_key=key)
    rows = rows.select_related("entry")
    if before is not None:
        rows = rows.filter(entry_id__lt=before)
    # As ledger.with_content(), without reading any.
    is_whole = Q(entry__batch__isnull=True) | Q(entry__batch__content__isnull=False)
    has_content = Q(entry__content__isnull=False) & is_whole
    rows = rows.defer("entry__content").order_by("-entry_id", "-pk")
    found: QuerySet[Any] = rows.annotate(has_content=ExpressionWrapper(has_content, BooleanField()))
    return found


def _whole_entries(found: Sequence[Any]) -> tuple[Sequence[Any], UUID | None]:
    """The rows of a page, and where the next one begins: between two mails.

    An address can be in a mail twice, in To and in Bcc.
    """
    if len(found) <= PAGE:
        return found, None
    following = found[PAGE].entry_id
    rows = [row for row in found[:PAGE] if row.entry_id != following] or found[:PAGE]
    return rows, rows[-1].entry_id


def _happenings(key: str, rows: Sequence[Any]) -> Mapping[str, Sequence[Happening]]:
    ids = [name for row in rows for name in (row.message_id, row.second_message_id)]
    found: dict[str, list[Happening]] = defaultdict(list)
    for one in happenings_of_messages(ids, MAX_HAPPENINGS, address=key):
        found[one.message_id].append(one)
    return found


def _about(row: Any, reported: Mapping[str, Sequence[Happening]]) -> list[Happening]:
    ids = filter(None, (row.message_id, row.second_message_id))
    return [one for name in ids for one in reported.get(name, ())]


def _tags(entry_ids: Sequence[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    found: dict[UUID, tuple[str, ...]] = dict.fromkeys(entry_ids, ())
    rows = EntryTag._default_manager.filter(entry__in=entry_ids).order_by()
    for entry_id, tag in rows.values_list("entry_id", "tag")[: MAX_TAGS * PAGE]:
        found[entry_id] = tuple(sorted((*found[entry_id], tag)))[:MAX_TAGS]
    return found
