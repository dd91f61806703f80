"""Domains above a domain, and where an organization's begin."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from ...exceptions import AnymailImproperlyInstalled


def with_parents(domain: str) -> Iterator[str]:
    """A domain and those above it, the closest first, without the top-level domain."""
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def organizational_domain(domain: str) -> str:
    """The domain below a public suffix such as ``co.uk`` (RFC 7489, section 3.2).

    :param domain: in lower case.
    :return: the domain itself if it is a public suffix.
    :raises AnymailImproperlyInstalled: publicsuffixlist (the extra ``doctor``) is not installed.
    """
    return _public_suffixes().privatesuffix(domain) or domain


@cache
def _public_suffixes() -> Any:
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError as err:
        raise AnymailImproperlyInstalled("publicsuffixlist", install_extra="doctor") from err
    return PublicSuffixList()
