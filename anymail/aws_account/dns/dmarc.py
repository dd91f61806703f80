"""DMARC policies, and which identifiers align with a From address (RFC 7489)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .dkim import parse_tags
from .domains import organizational_domain

#: The beginning of a record; ``DMARC1`` has to be in upper case (section 6.4).
VERSION = re.compile(r"[vV]\s*=\s*DMARC1\s*(;|$)")
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, kw_only=True)
class Dmarc:
    """A policy, and where it was found.

    :param domain: whose record it is.
    :param tags: of the record.
    :param is_inherited: it is that of the organization, and not of the From domain itself.
    """

    domain: str
    tags: Mapping[str, str]
    is_inherited: bool = False

    @property
    def policy(self) -> str | None:
        """What receivers do with mail that fails; None if the record does not say so."""
        own = self.tags.get("p", "").lower()
        inherited = self.tags.get("sp", own).lower() if self.is_inherited else own
        return inherited if inherited in POLICIES else None

    @property
    def has_reports(self) -> bool:
        """Whether somebody gets aggregate reports."""
        return "mailto:" in self.tags.get("rua", "").lower()

    @property
    def is_partial(self) -> bool:
        """Whether only some of the mail is treated so (section 6.3, "pct"; "t" of its successor,
        RFC 9989)."""
        return self.tags.get("pct", "100") != "100" or self.tags.get("t", "n").lower() == "y"

    def aligns(self, identifier: str, from_domain: str, tag: str) -> bool:
        """Whether a domain that DKIM or SPF has proved stands for a From address (section 3.1).

        :param tag: ``"adkim"`` for DKIM, ``"aspf"`` for SPF.
        """
        if self.tags.get(tag, "r").lower() == "s":
            return identifier == from_domain
        return organizational_domain(identifier) == organizational_domain(from_domain)


def dmarc_texts(
    from_domain: str, texts_of: Callable[[str], Collection[str]]
) -> tuple[str, list[str]]:
    """The records that count for a From domain: its own, or else those of its organization
    (section 6.6.3). More than one is as bad as none.

    :param texts_of: the ``TXT`` records of a name.
    :return: the domain that has them, and their texts.
    """
    organization = organizational_domain(from_domain)
    for domain in dict.fromkeys((from_domain, organization)):
        found = [text for text in texts_of(f"_dmarc.{domain}") if VERSION.match(text.strip())]
        if found:
            return domain, found
    return organization, []


def parse_dmarc(text: str, domain: str, from_domain: str) -> Dmarc:
    """The policy in a record.

    :param domain: whose record it is.
    """
    return Dmarc(domain=domain, tags=parse_tags(text), is_inherited=domain != from_domain)
