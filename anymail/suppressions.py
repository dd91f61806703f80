"""Whether an address is suppressed: what installed apps know, for whoever shows it.

An app that keeps a suppression list has the method ``anymail_standing`` in its ``AppConfig``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from django.apps import apps

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, kw_only=True)
class Listing:
    """An entry of the project's own list.

    :param reason: for people, for example ``"hard bounce"``.
    :param since: when it was put there.
    :param until: from then on, messages are sent again; None for never.
    :param note: what a person has written.
    :param cause: what the bounce or complaint that caused it says; empty without one.
    :param message_id: SES's id of the message that it was about; empty without one.
    :param no_effect: why messages are sent all the same; empty if they are not.
    """

    reason: StrOrPromise
    since: datetime
    until: datetime | None = None
    note: str = ""
    cause: str = ""
    message_id: str = ""
    no_effect: StrOrPromise = ""


@dataclass(frozen=True, kw_only=True)
class AmazonListing:
    """An entry of Amazon's list.

    :param reason: for people.
    :param since: when it was put there; None if Amazon does not say.
    :param message_id: SES's id of the message that caused it; empty if it was put there by hand.
    """

    reason: StrOrPromise
    since: datetime | None = None
    message_id: str = ""


@dataclass(frozen=True, kw_only=True)
class AmazonAnswer:
    """What Amazon says about an address.

    :param listing: None if it is not on the list, or nobody knows.
    :param problem: why nobody knows, and what to do; empty if Amazon has answered.
    """

    listing: AmazonListing | None = None
    problem: StrOrPromise = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether an address is suppressed.

    :param here: the entries of the project's own list.
    :param amazon: what Amazon says; None if it was not asked.
    """

    here: tuple[Listing, ...] = ()
    amazon: AmazonAnswer | None = None


@runtime_checkable
class SuppressingApp(Protocol):
    """The ``AppConfig`` of an app that keeps a suppression list."""

    def anymail_standing(self, address: str, *, again: bool) -> Standing:
        """Whether an address is suppressed.

        :param address: in any spelling.
        :param again: ask Amazon again, even if it has answered a moment ago.
        """


def standing_of(address: str, *, again: bool = False) -> Standing | None:
    """Whether an address is suppressed; None if no installed app knows.

    :param address: in any spelling.
    :param again: ask Amazon again, even if it has answered a moment ago.
    """
    for config in apps.get_app_configs():
        if isinstance(config, SuppressingApp):
            return config.anymail_standing(address, again=again)
    return None
