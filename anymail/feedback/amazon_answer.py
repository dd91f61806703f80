"""What Amazon's suppression list says about an address, for a page that must not wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..amazon_ses.process_local import ProcessLocal
from ..amazon_ses.suppression_list import SuppressedDestination, amazon_list
from ..amazon_ses.timeouts import TimeoutExecutor
from ..database.columns import address_key
from ..exceptions import AnymailAPIError, AnymailConfigurationError, AnymailError
from ..suppressions import AmazonAnswer, AmazonListing

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds that a page waits: for credentials, a connection, and the answer.
TIME_LIMIT = 2.0
#: Seconds for which an answer is kept, or that there was none.
LIFETIME = 60
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_REASONS: dict[str, StrOrPromise] = {
    "BOUNCE": gettext_lazy("bounce"),
    "COMPLAINT": gettext_lazy("complaint"),
}
_executor = ProcessLocal(lambda: TimeoutExecutor(TIME_LIMIT))


def amazon_answer(
    address: str, *, again: bool = False, spellings: Callable[[], Sequence[str]] | None = None
) -> AmazonAnswer:
    """Whether an address is on Amazon's list, within :data:`TIME_LIMIT`. Never raises.

    :param address: in any spelling.
    :param again: ask, even if there was an answer less than a minute ago.
    :param spellings: gives all that are known, which Amazon tells apart; called before it is asked.
    """
    key = _cache_key(address)
    found = None if again else _cached(key)
    if found is None:
        found = _asked([address] if spellings is None else spellings())
        _keep(key, found)
    return found


def forget(address: str) -> None:
    """Ask Amazon the next time: its list has been changed.

    :param address: in any spelling.
    """
    try:
        cache.delete(_cache_key(address))
    except Exception as err:  # whatever is wrong with the cache, there is still Amazon
        _warn(err)


def _asked(spellings: Sequence[str]) -> AmazonAnswer:
    try:
        found = _executor.get().run(lambda: amazon_list(patience=0).get(*spellings))
    except TimeoutError:
        text = _("Amazon has not answered within %d seconds. Ask again in a minute.")
        return AmazonAnswer(problem=text % TIME_LIMIT)
    except Exception as err:  # a page shows it
        return AmazonAnswer(problem=_problem(err))
    return AmazonAnswer(listing=None if found is None else _listing(found))


def _listing(found: SuppressedDestination) -> AmazonListing:
    return AmazonListing(
        reason=str(_REASONS.get(found.reason, found.reason)),
        since=found.updated_at,
        message_id=found.message_id,
    )


def _problem(error: Exception) -> str:
    if isinstance(error, AnymailAPIError) and error.error_code in _DENIED:
        return _(
            "The credentials of this site may not ask Amazon. Allow them the action "
            "ses:GetSuppressedDestination, for example with the policy that "
            "manage.py anymail_setup --format iam prints."
        )
    if isinstance(error, AnymailAPIError) and error.is_throttled:
        return _("Amazon allows few such questions in a second. Ask again in a minute.")
    is_ours = isinstance(error, (AnymailError, AnymailConfigurationError))
    text = str(error) if is_ours else type(error).__name__
    return _("Amazon could not be asked: %s") % text


def _cache_key(address: str) -> str:
    return f"anymail.amazon_answer.{sha256(address_key(address).encode()).hexdigest()}"


def _cached(key: str) -> AmazonAnswer | None:
    try:
        found: Any = cache.get(key)
    except Exception as err:
        _warn(err)
        return None
    return found if isinstance(found, AmazonAnswer) else None


def _keep(key: str, answer: AmazonAnswer) -> None:
    try:
        cache.set(key, answer, LIFETIME)
    except Exception as err:
        _warn(err)


def _warn(error: Exception) -> None:
    name = type(error).__name__
    logger.warning(
        "The cache of answers of Amazon's suppression list fails: %s",
        name,
        extra={"anymail_error_code": name},
    )
