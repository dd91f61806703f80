"""The suppression list here and Amazon's: what changes one of them, changes the other.

Taking an address off both begins at Amazon. If SES refuses, nothing has changed here, and as long
as an address is on either list, it gets no mail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..amazon_ses.suppression_list import AmazonSuppressionList, amazon_list
from ..conf import FeedbackSettings, current_settings
from ..database.columns import address_key
from ..exceptions.tracebacks import signal_handler_error

logger: logging.Logger = logging.getLogger(__name__)

#: How many bounces and complaints of an address are looked at for spellings of it.
MAX_ROWS = 20
#: How many of these count: each takes a call, and SES allows one a second.
MAX_SPELLINGS = 6
#: The most addresses that are changed at Amazon after COMMIT, which takes about a second for each
#: (more are left to ``push``), and for how many seconds a call is repeated: somebody waits.
MAX_AT_ONCE = 10
PATIENCE = 2.0
#: Our reasons, and Amazon's, which knows two: what people suppress here becomes a bounce there.
REASONS = {"hard_bounce": "BOUNCE", "complaint": "COMPLAINT", "manual": "BOUNCE"}

#: Is told how many addresses Amazon's list is still to be changed for.
Tell = Callable[[int], object]


def is_two_way() -> bool:
    """Whether ``FEEDBACK_SUPPRESS_SYNC`` says that what changes here is changed at Amazon too.

    :raises AnymailConfigurationError: the setting has a wrong value.
    """
    return current_settings().get(FeedbackSettings).feedback_suppress_sync == "both"


def spellings_of(address: str, using: str) -> list[str]:
    """How an address may be spelt on Amazon's list, which keeps upper and lower case apart: as it
    is given, as it was pulled, and as bounces and complaints have it.

    :param using: the alias of the database.
    """
    key = address_key(address)
    found = [address]
    for pulled in ("Suppression", "Lift"):
        entries = _rows(pulled, using).filter(address=key)
        found += filter(None, entries.values_list("amazon_address", flat=True))
    for reported in ("Bounce", "Complaint"):
        rows = _rows(reported, using).filter(address_key=key)
        found += rows.order_by("-created_at", "-id").values_list("address", flat=True)[:MAX_ROWS]
    return list(dict.fromkeys(found))[:MAX_SPELLINGS]


def remove_at_amazon(address: str, using: str, listed: AmazonSuppressionList | None = None) -> bool:
    """Take an address off Amazon's list in every spelling that is known.

    :param using: the alias of the database that has the list here.
    :param listed: Amazon's; None for that of the settings.
    :return: whether it was there.
    :raises AnymailAPIError: SES refuses, or does not answer.
    :raises AnymailConfigurationError: a setting is wrong.
    """
    listed = listed or amazon_list()
    is_removed = listed.remove(*spellings_of(address, using))
    lifts = _rows("Lift", using).filter(address=address_key(address), is_pending=True)
    lifts.update(is_pending=False)
    return is_removed


def after_suppressing(keys: Collection[str], using: str, *, tell: Tell | None = None) -> None:
    """Put addresses that were suppressed here on Amazon's list too, once that is committed, if
    ``FEEDBACK_SUPPRESS_SYNC`` says so.

    :param keys: addresses in their form for comparison.
    :param using: the alias of the database.
    :param tell: called if Amazon's list is not changed; a warning is logged as well.
    """
    if keys and is_two_way():
        put = partial(_each, keys, partial(_put, using), tell)
        transaction.on_commit(put, using=using)


def after_lifting(
    lifted: Mapping[str, str | None],
    using: str,
    *,
    at_amazon: bool = True,
    tell: Tell | None = None,
) -> None:
    """Write down that addresses were lifted now, so that ``pull`` does not bring them back, and
    take them off Amazon's list, once that is committed, if ``FEEDBACK_SUPPRESS_SYNC`` says so.

    :param lifted: addresses in their form for comparison, and as Amazon spells them.
    :param using: the alias of the database.
    :param at_amazon: False if they are off Amazon's list already.
    :param tell: as for :func:`after_suppressing`.
    """
    if not lifted:
        return
    now, is_pending = timezone.now(), at_amazon and is_two_way()
    lifts = _rows("Lift", using)
    rows = [
        lifts.model(address=key, lifted_at=now, amazon_address=lifted[key], is_pending=is_pending)
        for key in sorted(lifted)
    ]
    lifts.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
    lifts.filter(address__in=list(lifted)).update(lifted_at=now, is_pending=is_pending)
    if is_pending:
        remove = partial(_each, lifted, partial(_remove, using), tell)
        transaction.on_commit(remove, using=using)


def _rows(model: str, using: str) -> QuerySet[Any]:
    """The rows of one of our models. They import the querysets, which import this module."""
    rows: QuerySet[Any] = apps.get_model("anymail_feedback", model)._default_manager.using(using)
    return rows


def _put(using: str, listed: AmazonSuppressionList, address: str) -> None:
    """Put an address there, unless it is suppressed for a while only: nothing expires there."""
    entries = _rows("Suppression", using).filter(address=address, expires_at__isnull=True)
    if (entry := entries.order_by("reason").first()) is not None:
        listed.put(address, REASONS[entry.reason])


def _remove(using: str, listed: AmazonSuppressionList, address: str) -> None:
    remove_at_amazon(address, using, listed)


def _each(
    keys: Collection[str], do: Callable[[AmazonSuppressionList, str], None], tell: Tell | None
) -> None:
    """Do something with each address at Amazon, as long as Amazon lets it be done.

    :raises Exception: only that of a signal handler: what else is done after COMMIT goes on.
    """
    done = 0
    code: str | None = None
    try:
        listed = amazon_list(patience=PATIENCE)
        for key in sorted(keys) if len(keys) <= MAX_AT_ONCE else ():
            do(listed, key)
            done += 1
    except Exception as err:
        if interruption := signal_handler_error(err):
            raise interruption from interruption.__cause__
        code = getattr(err, "error_code", None) or type(err).__name__
    if done < len(keys):
        if tell is not None:
            tell(len(keys) - done)
        logger.warning(
            "%d suppressed addresses are still to be put on Amazon's list, or taken off it (%s): "
            "run manage.py anymail_suppression push.",
            len(keys) - done,
            code or f"more than {MAX_AT_ONCE} at once",
            extra={"anymail_error_code": code},
        )
