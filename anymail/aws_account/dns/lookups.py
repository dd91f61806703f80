"""Asking the DNS: the only module that does. It needs dnspython (the extra ``doctor``)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...exceptions import AnymailConfigurationError, AnymailImproperlyInstalled
from .records import RecordType

if TYPE_CHECKING:
    from dns.resolver import Resolver

#: Seconds that one lookup may take, and those that all lookups together may wait in vain.
MAX_SECONDS = 3.0
MAX_SECONDS_IN_VAIN = 5.0
PORT = 53


class DnsUnanswered(Exception):
    """The DNS did not say whether there is a record. The text says why."""


@dataclass(kw_only=True)
class DnsLookups:
    """Records of the DNS. What was asked once is not asked again.

    A server that does not answer is not waited for again and again: see
    :data:`MAX_SECONDS_IN_VAIN`.

    :param nameserver: ``ADDRESS[:PORT]`` of the server to ask; None for those of this machine.
    :raises AnymailConfigurationError: it is no such thing.
    """

    nameserver: str | None = None
    _server: tuple[str, int] | None = field(init=False)
    _in_vain: float = 0.0
    _answers: dict[tuple[str, str], tuple[str, ...] | DnsUnanswered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = None if self.nameserver is None else parse_nameserver(self.nameserver)

    def look_up(self, name: str, type: RecordType) -> tuple[str, ...]:
        """The values of records, as :class:`.records.DnsRecord` has them; names in lower case.

        Aliases are followed, except when ``CNAME`` is asked for.

        :param name: absolute, in its ASCII form; case and a dot at its end do not matter.
        :return: nothing if there is no such name, or no record of this type.
        :raises DnsUnanswered: nobody knows.
        :raises AnymailImproperlyInstalled: dnspython is not installed.
        """
        key = (name.lower().rstrip("."), type)
        if key not in self._answers:
            self._answers[key] = self._ask(*key)
        answer = self._answers[key]
        if isinstance(answer, DnsUnanswered):
            raise answer
        return answer

    def _ask(self, name: str, type: str) -> tuple[str, ...] | DnsUnanswered:
        if self._in_vain >= MAX_SECONDS_IN_VAIN:
            return DnsUnanswered(f"{self._who()} does not answer")
        resolver, exceptions = _dnspython()
        started = time.monotonic()
        seconds = min(MAX_SECONDS, MAX_SECONDS_IN_VAIN - self._in_vain)
        try:
            answer = self._resolver().resolve(f"{name}.", type, lifetime=seconds, search=False)
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return ()
        except exceptions.DNSException as err:
            self._in_vain += time.monotonic() - started
            return DnsUnanswered(self._reason(name, err))
        return tuple(map(_value, answer))

    def _resolver(self) -> Resolver:
        """
        :raises dns.resolver.NoResolverConfiguration: this machine has no name servers.
        """
        resolver, _ = _dnspython()
        if self._server is None:
            made: Resolver = resolver.Resolver()
            return made
        made = resolver.Resolver(configure=False)
        made.nameservers, made.port = [self._server[0]], self._server[1]
        return made

    def _reason(self, name: str, err: Exception) -> str:
        resolver, exceptions = _dnspython()
        if isinstance(err, exceptions.Timeout):
            return f"{self._who()} does not answer"
        if isinstance(err, resolver.NoResolverConfiguration):
            return "this machine has no name servers"
        if isinstance(err, resolver.NoNameservers):
            return f"{self._who()} fails to look up {name}"
        return f"{name} cannot be looked up ({type(err).__name__})"

    def _who(self) -> str:
        return "the DNS" if self.nameserver is None else f"the name server {self.nameserver}"


def parse_nameserver(text: str) -> tuple[str, int]:
    """The address and the port of ``ADDRESS[:PORT]``; IPv6 with a port has brackets.

    :raises AnymailConfigurationError: it is no such thing.
    """
    try:
        return str(ip_address(text)), PORT
    except ValueError:
        pass
    try:
        parts = urlsplit(f"//{text}")
        host = parts.hostname if parts.netloc == text else None
        return str(ip_address(host or "")), parts.port or PORT
    except ValueError as err:
        raise AnymailConfigurationError(
            f"The name server {text!r} is no IP address, with or without a port: for example "
            "9.9.9.9 or 127.0.0.1:8025."
        ) from err


def _value(rdata: Any) -> str:
    """A record in the form of :class:`.records.DnsRecord`."""
    if hasattr(rdata, "strings"):
        return b"".join(rdata.strings).decode("utf-8", "replace")
    text: str = rdata.to_text()
    return text.lower()


def _dnspython() -> tuple[Any, Any]:
    try:
        import dns.exception
        import dns.resolver
    except ImportError as err:
        raise AnymailImproperlyInstalled("dnspython", install_extra="doctor") from err
    return dns.resolver, dns.exception
