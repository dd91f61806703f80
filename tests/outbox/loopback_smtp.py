"""A mail server on loopback that does what a test says (RFC 5321)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from socketserver import StreamRequestHandler, ThreadingTCPServer


@dataclass(kw_only=True)
class MailServer:
    """What is known on the side of the server.

    :param answers: command to the answer that is not the usual one; an empty one closes the
        connection. ``"."`` is the end of a message, and ``""`` the greeting.
    :param to: the recipients of each message that was accepted.
    :param mails: these messages.
    """

    port: int
    answers: dict[str, str] = field(default_factory=dict)
    to: list[list[str]] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)


@contextmanager
def loopback_smtp() -> Iterator[MailServer]:
    """Run a mail server."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            if not self.answer("", "220 ready"):
                return
            to: list[str] = []
            for line in self.rfile:
                command = line.split()[0].decode().upper()
                if command == "RCPT":
                    to.append(line.decode().partition("<")[2].partition(">")[0])
                if command == "DATA" and command not in server.answers:
                    self.wfile.write(b"354 go ahead\r\n")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    command = "."
                    if server.answers.get(".", "2")[:1] in ("", "2"):
                        server.to.append(to)
                        server.mails.append(message_from_bytes(content))
                if not self.answer(command, "250 done"):
                    return

        def answer(self, command: str, usual: str) -> bool:
            answer = server.answers.get(command, usual)
            self.wfile.write(f"{answer}\r\n".encode() if answer else b"")
            return bool(answer) and command != "QUIT"

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        server = MailServer(port=listening.server_address[1])
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown()
