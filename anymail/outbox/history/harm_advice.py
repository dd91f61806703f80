"""What people are told about mail that bounced or was reported as spam. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ...database.columns import address_key
from ...signals import EventType
from .became import in_words, reason_of
from .happenings import Happening

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: How many addresses are spoken about.
MAX_ADDRESSES = 5
_FOR_NOW: StrOrPromise = _(
    "%(address)s bounced, perhaps for now. Amazon SES does not try again by itself: send the "
    "message again later."
)
_FOR_GOOD: StrOrPromise = _("%(address)s bounced for good: correct the address where it is stored.")
_NOT_TRIED: StrOrPromise = _(
    "Amazon SES did not try to deliver to %(address)s: the address is on a suppression list at "
    "Amazon. If it works now, lift it there, and then send the message again."
)
_COMPLAINT: StrOrPromise = _(
    "%(address)s reported the message as spam: send no more mail that was not asked for."
)


def harms(happenings: Iterable[Happening]) -> list[Happening]:
    """The last bounce or complaint of each of some addresses; without what is uncertain."""
    found: dict[str, Happening] = {}
    for one in sorted(happenings, key=lambda one: one.at):
        if _is_harm(one):
            found[address_key(one.address)] = one
    return [*found.values()][:MAX_ADDRESSES]


def harm_advice(found: Iterable[Happening], suppressed: Collection[str]) -> Iterator[str]:
    """Why mail to some addresses did not arrive, or was not welcome, and what to do.

    :param found: see :func:`harms`.
    :param suppressed: those of their addresses that are on the suppression list here.
    """
    for one in found:
        text = str(_text(one)) % {"address": one.address}
        why = reason_of(one)
        if why:
            text = in_words(f"{text} {gettext('The reason given')}", why)
        if one.address in suppressed:
            here = gettext("It is on the suppression list here.")
            text = f"{text.rstrip('.')}. {here}"
        yield text


def _is_harm(one: Happening) -> bool:
    if one.uncertain:
        return False
    if one.kind == EventType.BOUNCED:
        return not one.is_autoreply
    return one.kind == EventType.COMPLAINED and one.complaint_type != "not-spam"


def _text(one: Happening) -> StrOrPromise:
    if one.kind == EventType.COMPLAINED:
        return _COMPLAINT
    if one.is_suppressed:
        return _NOT_TRIED
    return _FOR_GOOD if one.is_hard else _FOR_NOW
