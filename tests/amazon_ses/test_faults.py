"""Broken networks and servers: each has its outcome, and nothing is posted twice."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock, skipUnless

from django.test import SimpleTestCase

from anymail.amazon_ses import aws, delivery
from anymail.backends.amazon_ses import EmailBackend
from anymail.exceptions import AnymailAPIError

from ..local_sns import PATIENCE, reserved_port, wait_until
from ..ses import CREDENTIALS, simple_message, v1_error, v1_success

Step = Callable[["Peer"], None]


class Peer:
    """One connection, seen from the server."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.file = connection.makefile("rb")
        self.has_ended = threading.Event()

    def read_head(self) -> int:
        """Read up to the body; return its length."""
        length = 0
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return length

    def read_request(self) -> None:
        """Read a whole request."""
        length = self.read_head()
        if len(self.file.read(length)) < length:
            raise ConnectionError

    def answer(self, body: bytes, status: int = 200, length: int | None = None) -> None:
        """Answer it."""
        claimed = len(body) if length is None else length
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {claimed}\r\n\r\n".encode()
        self.connection.sendall(head + body)

    def reset(self) -> None:
        """Close with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)  # wakes the thread that reads
        time.sleep(0.01)
        self.file.close()
        self.connection.close()


class Server:
    """Plays one step for each request, whatever the connection; the last one repeats.

    ``posted`` counts requests that arrived whole: what SES might have accepted.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.posted = self.begun = self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.peers: list[Peer] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self.talk, args=(Peer(connection),), daemon=True).start()

    def talk(self, peer: Peer) -> None:
        self.peers.append(peer)
        with contextlib.suppress(OSError, ValueError):
            while peer.connection.recv(1, socket.MSG_PEEK):
                step = self.steps[min(self.begun, len(self.steps) - 1)]
                self.begun += 1
                step(peer)
        peer.has_ended.set()

    def accepts(self, peer: Peer) -> None:
        peer.read_request()
        with self.lock:
            self.posted += 1
            number = self.posted
        peer.answer(v1_success(f"m-{number}"))


@contextlib.contextmanager
def server(*steps: Any) -> Iterator[Server]:
    """Run a server. The word ``"accept"`` among the steps is the usual answer."""
    running = Server([])
    running.steps = [running.accepts if step == "accept" else step for step in steps]
    try:
        yield running
    finally:
        running.socket.close()
        for peer in running.peers:
            with contextlib.suppress(OSError):
                peer.connection.close()


def counted(running_step: Callable[[Peer], None]) -> Step:
    """A step that reads the whole request first. The test counts it by ``begun``."""

    def step(peer: Peer) -> None:
        peer.read_request()
        running_step(peer)

    return step


def reset_at_once(peer: Peer) -> None:
    peer.reset()


def reset_during_the_body(peer: Peer) -> None:
    peer.read_head()
    peer.file.read(10)
    peer.reset()


def slow_headers(peer: Peer) -> None:
    peer.connection.settimeout(PATIENCE)
    peer.connection.recv(1)  # until the client has given up
    peer.connection.sendall(b"HTTP/1.1 200 OK\r\n")


def truncated(peer: Peer) -> None:
    peer.answer(v1_success()[:40], length=len(v1_success()))
    peer.connection.shutdown(socket.SHUT_RDWR)


class FaultTests(SimpleTestCase):
    def setUp(self) -> None:
        patch = mock.patch.object(delivery, "FIRST_PAUSE", 0.001)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(aws.clear_clients)

    def backend(self, url: str, read_timeout: float = PATIENCE, **options: Any) -> EmailBackend:
        config = {"read_timeout": read_timeout, "connect_timeout": PATIENCE}
        return EmailBackend(
            session_params=CREDENTIALS,
            client_params={"endpoint_url": url, "config": config},
            **options,
        )

    def error(self, running: Server, size: int = 0, **options: Any) -> AnymailAPIError:
        message = simple_message()
        if size:
            message.attach("a.bin", os.urandom(size), "application/octet-stream")
        with self.assertRaises(AnymailAPIError) as caught:
            self.backend(running.url, **options).send_messages([message])
        wait_until(lambda: running.begun)
        return caught.exception

    def test_what_may_have_arrived_is_an_error_and_not_posted_again(self) -> None:
        for name, step in (
            ("reset before the request is read", reset_at_once),
            ("reset during the body", reset_during_the_body),
            ("reset after the body", counted(Peer.reset)),
            ("closed after the body", counted(lambda peer: peer.connection.shutdown(2))),
            ("slow headers", counted(slow_headers)),
            ("truncated answer", counted(truncated)),
            ("content length too long", counted(lambda p: p.answer(v1_success(), length=10**6))),
            ("content length too short", counted(lambda p: p.answer(v1_success(), length=20))),
            ("500", counted(lambda p: p.answer(v1_error("InternalFailure", "x"), 500))),
            ("a bare 500", counted(lambda p: p.answer(b"", 500))),
            ("garbage", counted(lambda p: p.answer(b"\x00\xff<html>"))),
            ("no HTTP at all", counted(lambda p: p.connection.sendall(b"SSH-2.0-x\r\n\r\n"))),
        ):
            for size in (0, 2_000_000):
                with self.subTest(name, size=size), server(step, "accept") as running:
                    ends_late = name in ("slow headers", "content length too long")
                    options = {"read_timeout": 1.0} if ends_late else {}
                    error = self.error(running, size, **options)
                    self.assertEqual((running.begun, running.posted), (1, 0))
                    self.assertTrue(error.is_transient)
                    self.assertFalse(error.is_unsent)

    def test_it_is_posted_again_only_with_the_setting(self) -> None:
        with server(counted(Peer.reset), "accept") as running:
            backend = self.backend(running.url, retry_timeouts=True)
            self.assertEqual(backend.send_messages([simple_message()]), 1)
            self.assertEqual(running.begun, 2)

    def test_503_is_repeated_and_a_large_body_is_sent_whole_again(self) -> None:
        busy = counted(lambda peer: peer.answer(v1_error("ServiceUnavailable", "x"), 503))
        with server(busy, busy, "accept") as running:
            message = simple_message()
            message.attach("a.bin", os.urandom(2_000_000), "application/octet-stream")
            self.assertEqual(self.backend(running.url).send_messages([message]), 1)
            self.assertEqual((running.begun, running.posted), (3, 1))

    def test_connection_refused(self) -> None:
        with reserved_port() as port, self.assertRaises(AnymailAPIError) as caught:
            self.backend(f"http://127.0.0.1:{port}").send_messages([simple_message()])
        error = caught.exception
        self.assertTrue(error.is_transient)
        self.assertTrue(error.is_unsent)

    def test_connections_are_kept(self) -> None:
        with server("accept") as running:
            for _ in range(5):
                self.backend(running.url).send_messages([simple_message()])
            self.assertEqual((running.posted, running.connections), (5, 1))

    def test_a_connection_that_was_closed_while_idle_does_not_fail_the_next_send(self) -> None:
        for close in (lambda p: p.connection.shutdown(2), Peer.reset):
            with self.subTest(close), server("accept") as running:
                self.backend(running.url).send_messages([simple_message()])
                close(running.peers[0])
                wait_until(running.peers[0].has_ended.is_set)
                time.sleep(0.1)
                self.assertEqual(self.backend(running.url).send_messages([simple_message()]), 1)
                self.assertEqual((running.posted, running.connections), (2, 2))

    def test_dead_peers_are_noticed_by_the_system(self) -> None:
        """Keepalive probes tell of a peer that vanished without a word."""
        with server("accept") as running:
            backend = self.backend(running.url)
            backend.open()
            seen: list[int] = []
            real = socket.socket.setsockopt

            def recording(self: socket.socket, level: int, option: int, *value: Any) -> None:
                seen.append(option)
                real(self, level, option, *value)

            with mock.patch.object(socket.socket, "setsockopt", recording):
                backend.send_messages([simple_message()])
        self.assertIn(socket.SO_KEEPALIVE, seen)

    def test_eight_threads_share_a_backend(self) -> None:
        with server("accept") as running:
            backend = self.backend(running.url)
            counts: list[int] = []
            messages = [[simple_message() for _ in range(5)] for _ in range(8)]
            threads = [
                threading.Thread(target=lambda m=m: counts.append(backend.send_messages(m)))
                for m in messages
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((sum(counts), running.posted), (40, 40))
            ids = {m.anymail_status.message_id for group in messages for m in group}
            self.assertEqual(len(ids), 40)

    @skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_a_child_of_a_process_that_has_sent_has_connections_of_its_own(self) -> None:
        with server("accept") as running:
            opened = self.backend(running.url)
            opened.open()
            opened.send_messages([simple_message()])
            for backend in (self.backend(running.url), opened):
                before = running.connections
                child = os.fork()
                if child == 0:
                    sent = 0
                    try:
                        sent = backend.send_messages([simple_message()] * 3)
                    finally:
                        os._exit(0 if sent == 3 else 1)
                _, status = os.waitpid(child, 0)
                self.assertEqual(status, 0)
                self.assertGreater(running.connections, before)
            opened.send_messages([simple_message()])
            self.assertEqual(running.posted, 8)
