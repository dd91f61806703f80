"""The identities of SES that stand for addresses.

Source: Amazon SES Developer Guide, "Verified identities": an address, its domain, or a domain above
that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..dns.domains import with_parents
from .context import Context, Unanswered
from .senders import from_senders

#: Error codes of ``GetEmailIdentity``.
NO_IDENTITY = ("NotFoundException",)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An identity of SES.

    :param name: a domain or an address.
    :param found: the answer of ``GetEmailIdentity``.
    """

    name: str
    found: Mapping[str, Any]

    @property
    def is_verified(self) -> bool:
        """Whether SES sends mail from it."""
        return bool(self.found.get("VerifiedForSendingStatus"))

    @property
    def is_domain(self) -> bool:
        """Whether it is a domain, and not one address."""
        return "@" not in self.name

    @property
    def dkim(self) -> Mapping[str, Any]:
        """How its mail is signed."""
        attributes: Mapping[str, Any] = self.found.get("DkimAttributes", {})
        return attributes

    @property
    def is_signing(self) -> bool:
        """Whether its mail is signed."""
        is_on = self.is_verified and self.dkim.get("SigningEnabled")
        return bool(is_on) and self.dkim.get("Status") == "SUCCESS"

    @property
    def mail_from(self) -> Mapping[str, Any]:
        """Its custom MAIL FROM domain."""
        attributes: Mapping[str, Any] = self.found.get("MailFromAttributes", {})
        return attributes


def identities(address: str, context: Context) -> list[Identity]:
    """The identities that may stand for an address, the closest first.

    :param address: or a domain.
    :raises Unanswered: SES tells nothing.
    """
    found: list[Identity] = []
    for name in with_parents(address.rpartition("@")[2]):
        found += _identity(name, context, is_needed=not found)
    own = _identity(address, context, is_needed=not found) if "@" in address else []
    return [*own, *found]


def _identity(name: str, context: Context, *, is_needed: bool) -> list[Identity]:
    """One identity, or none.

    :param is_needed: a policy that lets us look at one identity only is too strict.
    """
    try:
        found = context.find("sesv2", "GetEmailIdentity", missing=NO_IDENTITY, EmailIdentity=name)
    except Unanswered:
        if is_needed:
            raise
        return []
    return [] if found is None else [Identity(name=name, found=found)]


def sending_identities(context: Context) -> list[str]:
    """The names of the identities that From addresses use: the closest that is verified, or else
    that is not yet.

    :raises Unanswered: SES tells nothing.
    """
    names = []
    for sender in from_senders(context):
        found = identities(sender.address, context)
        names += [one.name for one in found if one.is_verified][:1] or [
            one.name for one in found[:1]
        ]
    return list(dict.fromkeys(names))


def domain_identity(address: str, context: Context) -> Identity | None:
    """The domain of SES that signs for an address: the closest that is verified, or else that is
    not yet."""
    found = [one for one in identities(address, context) if one.is_domain]
    return next((one for one in found if one.is_verified), found[0] if found else None)


def mail_from_identity(address: str, context: Context) -> Identity | None:
    """The verified identity whose custom MAIL FROM domain is used for an address."""
    found = (one for one in identities(address, context) if one.is_verified)
    return next((one for one in found if one.mail_from.get("MailFromDomain")), None)
