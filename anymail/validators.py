"""A validator that asks Amazon SES whether an address can get mail.

.. code-block:: python

    from anymail.validators import deliverable

    class Customer(models.Model):
        email = models.EmailField(validators=[deliverable])
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.crypto import salted_hmac
from django.utils.deconstruct import deconstructible
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .addresses import EmailAddress
from .amazon_ses.insights import Verdicts, address_verdicts
from .amazon_ses.raw_calls import encoder
from .conf import AmazonSESSettings, SendSettings, current_settings
from .exceptions import AnymailInvalidAddress
from .exceptions.tracebacks import signal_handler_error

logger: logging.Logger = logging.getLogger(__name__)

#: What is wrong with an address -> what its user reads. The first that is found counts.
MESSAGES: dict[str, str | Promise] = {
    "syntax": _("Enter a valid email address."),
    "domain": _("No mail can be delivered to the part after the @. Check it for typos."),
    "mailbox": _("This mailbox does not seem to exist. Check the address for typos."),
    "disposable": _("Enter a permanent email address, not a disposable one."),
    "role": _("Enter the email address of a person, not of a team or a function."),
    "random": _("This does not look like an address that somebody uses. Check it for typos."),
    "overall": _("No mail seems to arrive at this address. Check it for typos."),
}
#: Those of which SES is asked whether they are so; of the others, whether all is well.
FAULTS = ("disposable", "role", "random")


@deconstructible(path="anymail.validators.DeliverabilityValidator")
class DeliverabilityValidator:
    """Refuses addresses that Amazon SES considers undeliverable.

    For model and form fields. SES is asked with ``GetEmailAddressInsights`` of the API v2. If it
    does not answer within a second, throttles or denies it, the address is accepted. One that
    Django's ``EmailValidator`` refuses is refused, and SES is not asked.

    Source: Amazon SES API v2 Reference, "GetEmailAddressInsights".

    :param refuse: keys of :data:`MESSAGES`: what makes an address unacceptable.
    :param strict: refuse what SES is not sure about, too: the verdict ``MEDIUM``.
    :param messages: key of :data:`MESSAGES` to another text.
    :param cache: the alias of the Django cache for verdicts; None for no cache. The keys are
        hashes.
    :param lifetime: seconds for which a verdict is kept.
    :raises ValueError: a key is unknown.
    """

    def __init__(
        self,
        refuse: Iterable[str] = ("syntax", "domain", "mailbox"),
        *,
        strict: bool = False,
        messages: Mapping[str, str | Promise] | None = None,
        cache: str | None = "default",
        lifetime: float = 24 * 60 * 60,
    ) -> None:
        self.refuse: frozenset[str] = frozenset(refuse)
        self.strict = strict
        self.messages: dict[str, str | Promise] = {**MESSAGES, **(messages or {})}
        self.cache = cache
        self.lifetime = lifetime
        if unknown := sorted((self.refuse | self.messages.keys()) - MESSAGES.keys()):
            raise ValueError(
                f"{unknown[0]!r} is nothing that an address can be refused for. These are: "
                f"{', '.join(MESSAGES)}."
            )

    def __call__(self, value: Any) -> None:
        """Accept or refuse an address.

        :param value: the address.
        :raises ValidationError: with a key of :data:`MESSAGES` as its code, or Django's
            ``invalid``.
        """
        address = str(value)
        validate_email(address)
        current = current_settings()
        settings = current.get(AmazonSESSettings)
        idna_encode = encoder(settings, current.get(SendSettings))
        try:
            asked = EmailAddress("", address).format_addr_spec(idna_encode)
        except AnymailInvalidAddress as err:
            raise self._refusal("domain", value) from err
        verdicts = self._cached(asked, lambda: address_verdicts(asked, settings)) or {}
        for name in MESSAGES:
            if name in self.refuse and self._is_refused(name, verdicts.get(name)):
                raise self._refusal(name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeliverabilityValidator):
            return NotImplemented
        return self._options() == other._options()

    def __hash__(self) -> int:
        return hash((self.refuse, self.strict, self.cache, self.lifetime))

    def _options(self) -> tuple[Any, ...]:
        return self.refuse, self.strict, self.messages, self.cache, self.lifetime

    def _is_refused(self, name: str, verdict: str | None) -> bool:
        certain = "HIGH" if name in FAULTS else "LOW"
        return verdict == certain or (self.strict and verdict == "MEDIUM")

    def _refusal(self, name: str, value: Any) -> ValidationError:
        text: Any = self.messages[name]
        return ValidationError(text, code=name, params={"value": value})

    def _cached(self, address: str, ask: Callable[[], Verdicts | None]) -> Verdicts | None:
        """The verdicts about an address, from the cache if it has them; no cache is in the way."""
        if self.cache is None:
            return ask()
        key = cache_key(address)
        try:
            found = caches[self.cache].get(key)
        except Exception as err:  # a client library of a cache may raise anything
            _warn_of_cache(err)
            return ask()
        if isinstance(found, dict):
            return found
        if verdicts := ask():
            try:
                caches[self.cache].set(key, verdicts, self.lifetime)
            except Exception as err:
                _warn_of_cache(err)
        return verdicts


def cache_key(address: str) -> str:
    """The key of an address in the cache: nobody without ``SECRET_KEY`` can tell whose it is.

    :param address: an addr-spec in ASCII.
    """
    local, at, domain = address.rpartition("@")
    text = f"{local}{at}{domain.lower()}"
    digest = salted_hmac("anymail.validators", text, algorithm="sha256").hexdigest()
    return f"anymail:deliverable:{digest}"


def _warn_of_cache(err: Exception) -> None:
    if interruption := signal_handler_error(err):
        raise interruption from interruption.__cause__
    name = type(err).__name__
    logger.warning(
        "The cache for the deliverability of addresses fails: %s",
        name,
        extra={"anymail_error_code": name},
    )


#: With the defaults.
deliverable: DeliverabilityValidator = DeliverabilityValidator()
