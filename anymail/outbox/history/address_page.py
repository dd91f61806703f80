"""What the page of an address shows, from the database and from Amazon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime

from ...addresses.keys import MAX_MAILBOX_LENGTH, bare_address
from ...database.columns import address_key, storable_text, storable_time
from ...suppressions import Standing, standing_of
from .address_answer import (
    ShownEvent,
    facts,
    first_sentence,
    is_perhaps_at_amazon,
    is_suppressed_here,
    suppression_sentences,
)
from .happenings import Happening, HappeningPage, happenings_of_address
from .mail_to import Link, Mail, links_to, mail_to

#: How many events are on a page.
EVENTS = 50


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who looks at the page.

    :param site: whose pages the page links to.
    :param request: of the user; its query is what was asked.
    """

    site: AdminSite
    request: HttpRequest

    def may(self, permission: str) -> bool:
        """Whether the user has a permission."""
        return self.request.user.has_perm(permission)

    def url(self, name: str, *args: str, **query: str) -> str:
        """The URL of a page of the admin; empty if the site does not have it.

        :param name: without that of the site.
        :param args: what is in the path.
        :param query: parameters.
        """
        with suppress(NoReverseMatch):
            address = reverse(f"{self.site.name}:{name}", args=args)
            return f"{address}?{urlencode(query)}" if query else address
        return ""


def address_context(reader: Reader) -> dict[str, Any]:
    """What the page shows for the address in the query ``?q=``.

    On the pages of older mail, that is older mail only; on those of older events, only these.
    """
    query = reader.request.GET
    typed = storable_text(query.get("q", "")).strip()
    if "@" not in typed or len(typed) > MAX_MAILBOX_LENGTH:
        return {"typed": typed[:MAX_MAILBOX_LENGTH], "is_wrong": bool(typed)}
    key, before = address_key(typed), _entry_id(query.get("before", ""))
    until = _moment(query.get("events-before", ""))
    page = mail_to(key, before)
    address = page.mails[0].row.address if page.mails else bare_address(typed)
    context = {
        "typed": typed,
        "address": address,
        "page": page,
        "before": before,
        "until": until,
        "sees_mail": _sees_mail(reader),
        "may_send_again": reader.may("anymail_outbox.send_again_entry"),
        "send_again_url": reader.url("anymail_outbox_entry_intervene", "send-again"),
        "here_url": reader.url("anymail_outbox_address_changelist", q=typed),
    }
    if before is not None:
        return context
    found = happenings_of_address(key, EVENTS, until)
    if until is not None:
        links = _links(reader, key, page.mails, found)
        return {**context, **_events(found, links)}
    return {**context, **_answer(reader, key, address, page.mails, found)}


def _answer(
    reader: Reader, key: str, address: str, mails: Sequence[Mail], found: HappeningPage
) -> dict[str, Any]:
    standing = _standing(reader, address)
    links = _links(reader, key, mails, found, standing)
    return {
        "sentence": first_sentence(mails, found.read, shows_subject=_sees_mail(reader)),
        "tone": mails[0].stages[-1].tone if mails else "",
        "facts": [*facts(mails, found.read, standing)],
        **_events(found, links),
        **({} if standing is None else _suppression(reader, address, standing, found.read, links)),
    }


def _events(found: HappeningPage, links: Mapping[str, Link]) -> dict[str, Any]:
    return {
        "events": [
            ShownEvent(happening=one, link=links.get(one.message_id)) for one in found.happenings
        ],
        "older_events": found.older and found.older.isoformat(),
    }


def _links(
    reader: Reader,
    key: str,
    mails: Sequence[Mail],
    found: HappeningPage,
    standing: Standing | None = None,
) -> Mapping[str, Link]:
    if not _sees_mail(reader):
        return {}
    return links_to(key, mails, [*(one.message_id for one in found.happenings), *_causes(standing)])


def _suppression(
    reader: Reader,
    address: str,
    standing: Standing,
    happenings: Sequence[Happening],
    links: Mapping[str, Link],
) -> dict[str, Any]:
    amazon = None if standing.amazon is None else standing.amazon.listing
    actions = [action for action in _actions(reader, address, standing) if action[1]]
    return {
        "standing": standing,
        "listings": [(one, links.get(one.message_id)) for one in standing.here],
        "amazon_listing": amazon,
        "amazon_link": None if amazon is None else links.get(amazon.message_id),
        "suppression_sentences": [*suppression_sentences(standing, happenings)],
        "suppression_actions": actions,
    }


def _actions(reader: Reader, address: str, standing: Standing) -> Iterator[tuple[str, str]]:
    """What the user may do about it: a name, and the URL of the page that asks."""
    here = reader.url("anymail_outbox_address_changelist", q=address)
    query = {"address": address, "next": here}
    if reader.may("anymail_feedback.add_suppression") and not is_suppressed_here(standing):
        yield "suppress", reader.url("anymail_feedback_suppression_add", **query)
    if reader.may("anymail_feedback.lift_suppression"):
        if is_perhaps_at_amazon(standing):
            everywhere = {**query, "everywhere": "yes"}
            yield "lift-everywhere", reader.url("anymail_feedback_suppression_lift", **everywhere)
        if standing.here:
            yield "lift", reader.url("anymail_feedback_suppression_lift", **query)


def _sees_mail(reader: Reader) -> bool:
    """Whether the user may see messages, on a page of this site."""
    has_pages = bool(reader.url("anymail_outbox_entry_changelist"))
    return has_pages and reader.may("anymail_outbox.view_entry")


def _standing(reader: Reader, address: str) -> Standing | None:
    if not reader.may("anymail_feedback.view_suppression"):
        return None
    return standing_of(address, again=reader.request.GET.get("amazon") == "again")


def _causes(standing: Standing | None) -> Iterator[str]:
    """The ids of the messages that have put the address on a list."""
    if standing is not None:
        yield from (one.message_id for one in standing.here)
        if standing.amazon is not None and standing.amazon.listing is not None:
            yield standing.amazon.listing.message_id


def _entry_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    """A time as columns have it; None for nonsense."""
    try:
        return storable_time(parse_datetime(text))
    except ValueError:
        return None
