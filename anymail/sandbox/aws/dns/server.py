"""A DNS server for UDP (RFC 1035), which knows what :mod:`.zone` has."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.rrset import RRset

from ... import SandboxError
from .zone import Dns

#: In seconds; the records may change at any time.
TTL = 0
#: Longer chains of aliases are circles.
MAX_ALIASES = 8
#: Of one string of a TXT record (RFC 1035, section 3.3.14).
MAX_STRING = 255


@contextmanager
def serve_dns(records: Dns, host: str, port: int) -> Iterator[int]:
    """Answer queries for the length of a ``with`` block; gives the port.

    :param port: 0 for any.
    :raises SandboxError: the port is taken.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, socket = self.request
            if (answer := answer_query(records, packet)) is not None:
                socket.sendto(answer, self.client_address)

    class Server(socketserver.UDPServer):
        address_family = AF_INET6 if ":" in host else AF_INET

    try:
        server = Server((host, port), Handler)
    except OSError as err:
        raise SandboxError(
            f"Cannot answer DNS queries at UDP port {port}: {err.strerror}."
        ) from err
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer_query(records: Dns, packet: bytes) -> bytes | None:
    """The answer to a query, however long: there is no server for TCP that could have the rest.

    :return: None for what is no query, and if no server is to answer.
    """
    try:
        query = dns.message.from_wire(packet)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR or query.opcode() != dns.opcode.QUERY or not query.question:
        return None
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True)
    rcode, answers = _resolve(records, name, dns.rdatatype.to_text(question.rdtype))
    if not rcode:
        return None
    response: Any = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(dns.rcode.from_text(rcode))
    response.answer.extend(answers)
    wire: bytes = response.to_wire(max_size=65_535)
    return wire


def _resolve(records: Dns, name: str, kind: str) -> tuple[str, list[RRset]]:
    """An RCODE, empty for no answer, and the records, with the aliases on the way to them."""
    answers: list[RRset] = []
    for _ in range(MAX_ALIASES):
        if (failure := records.failure(name)) is not None:
            return failure, []
        if (found := records.find(name)) is None:
            return "NXDOMAIN", answers
        is_alias = not found.get(kind) and "CNAME" in found
        values = found["CNAME"] if is_alias else found.get(kind, [])
        if values:
            answers.append(_rrset(name, "CNAME" if is_alias else kind, values))
        if not is_alias:
            return "NOERROR", answers
        name = values[0].removesuffix(".")
    return "SERVFAIL", []


def _rrset(name: str, kind: str, values: Sequence[str]) -> RRset:
    texts = list(map(_quoted, values)) if kind == "TXT" else values
    make = dns.rrset.from_text_list
    return make(f"{name}.", TTL, "IN", kind, texts, origin=dns.name.root, relativize=False)


def _quoted(text: str) -> str:
    """The strings of a TXT record, as in a zone file (RFC 1035, section 5.1)."""
    parts = [text[start : start + MAX_STRING] for start in range(0, len(text), MAX_STRING)]
    return " ".join(f'"{_escaped(part)}"' for part in parts or [""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
