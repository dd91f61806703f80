"""SPF of a MAIL FROM domain (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice

#: What includes the servers of SES (Amazon SES Developer Guide, "Authenticating Email with SPF").
SES = "amazonses.com"
#: A term that counts what the record of another domain allows.
OTHER = re.compile(r"(?:\+?include:|redirect=)(.+)")
#: After so many lookups, receivers give up (section 4.6.4).
MAX_LOOKUPS = 10

TextsOf = Callable[[str], Collection[str]]


def spf_problem(domain: str, texts_of: TextsOf) -> str | None:
    """Why the records of a domain do not let SES send for it; None if they do.

    :param texts_of: the ``TXT`` records of a name.
    """
    found = _records(domain, texts_of)
    if not found:
        return "has no SPF record"
    if len(found) > 1:  # section 4.5
        return f"has {len(found)} SPF records, so none counts"
    if SES not in islice(_others(found[0], texts_of), MAX_LOOKUPS):
        return "has an SPF record without include:amazonses.com"
    return None


def _records(domain: str, texts_of: TextsOf) -> list[list[str]]:
    """The terms of each SPF record of a domain."""
    terms = [text.lower().split() for text in texts_of(domain)]
    return [one for one in terms if one[:1] == ["v=spf1"]]


def _others(terms: Collection[str], texts_of: TextsOf) -> Iterator[str]:
    """The domains that a record includes, and then those that these include: without end, if they
    include each other."""
    names = [match[1].rstrip(".") for term in terms if (match := OTHER.fullmatch(term))]
    yield from names
    for name in names:
        for inner in _records(name, texts_of):
            yield from _others(inner, texts_of)
