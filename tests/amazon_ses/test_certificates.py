"""Certificates are fetched from a real HTTPS server on loopback."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core.cache import caches
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import certificates, https
from anymail.amazon_ses.certificates import fetch_certificate
from anymail.amazon_ses.host_slots import HostSlots
from anymail.exceptions import AnymailAPIError

from ..local_sns import PATIENCE, wait_until
from ..log_guard import recorded
from ..sns_samples import certificate


class Handler(BaseHTTPRequestHandler):
    requests: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.requests.append((self.path, dict(self.headers)))
        name = self.path.rsplit("/")[-1].removesuffix(".pem")
        with contextlib.suppress(OSError):
            ANSWERS.get(name.rstrip("-0123456789"), Handler.answer_pem)(self)

    def answer_pem(self) -> None:
        self.answer(certificate().encode())

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def dribble(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b"-")
            self.wfile.flush()
            time.sleep(0.05)

    def break_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"-----BEGIN")

    def wait(self) -> None:
        time.sleep(PATIENCE)

    def log_message(self, *args: Any) -> None:
        pass


ANSWERS: dict[str, Any] = {
    "redirect": lambda self: self.answer(b"", status=302, Location="/valid.pem"),
    "missing": lambda self: self.answer(certificate().encode(), status=404),
    "made-up": lambda self: self.answer(b"", status=404),
    "large": lambda self: self.answer(certificate().encode() + b"#" * certificates.MAX_SIZE),
    "two": lambda self: self.answer(certificate().encode() * 2),
    "none": lambda self: self.answer(b"<html>Log in to this network</html>"),
    "binary": lambda self: self.answer(b"\xff\xfe\x00"),
    "expired": lambda self: self.answer(certificate("expired").encode()),
    "empty": lambda self: self.answer(b""),
    "dribble": Handler.dribble,
    "break": Handler.break_off,
    "wait": Handler.wait,
}


def write_tls_files(folder: Path) -> None:
    """A key, and a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(timezone.utc)
    issued = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(issued.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@contextlib.contextmanager
def https_server() -> Iterator[str]:
    """The URL of a server that only ``REQUESTS_CA_BUNDLE`` makes trustworthy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tls_files(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *args: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        environment = {"REQUESTS_CA_BUNDLE": str(folder / "ca.pem"), "NO_PROXY": "127.0.0.1"}
        try:
            with mock.patch.dict(os.environ, environment):
                yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


class CertificateTestCase(SimpleTestCase):
    base_url: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        server = https_server()
        cls.base_url = server.__enter__()
        cls.addClassCleanup(server.__exit__, None, None, None)

    def setUp(self) -> None:
        self.forget()
        self.addCleanup(self.forget)
        patch = mock.patch.object(certificates, "TIMEOUT", PATIENCE)
        patch.start()
        self.addCleanup(patch.stop)

    def forget(self) -> None:
        certificates.clear()
        caches["default"].clear()
        Handler.requests.clear()

    def url(self, name: str = "valid") -> str:
        return f"{self.base_url}/{name}.pem"

    def fetch(self, name: str = "valid") -> str:
        return fetch_certificate(self.url(name), "default")


class DownloadTests(CertificateTestCase):
    def test_a_certificate_is_fetched(self):
        self.assertEqual(self.fetch(), certificate())

    def test_whatever_else_comes_is_a_temporary_failure(self):
        for name in ("redirect", "missing", "large", "two", "none", "binary", "empty", "break"):
            with self.subTest(name):
                certificates.clear()
                with self.assertRaises(AnymailAPIError) as caught:
                    self.fetch(name)
                self.assertTrue(caught.exception.is_transient)
                self.assertEqual(caught.exception.error_code, "CertificateUnavailable")

    def test_redirects_are_not_followed(self):
        with self.assertRaisesMessage(AnymailAPIError, "302"):
            self.fetch("redirect")
        self.assertEqual([path for path, _ in Handler.requests], ["/redirect.pem"])

    def test_a_file_that_is_too_large_is_not_read_to_its_end(self):
        with self.assertRaisesMessage(AnymailAPIError, "too large"):
            self.fetch("large")

    def test_a_server_that_does_not_answer_is_given_up(self):
        with mock.patch.object(certificates, "TIMEOUT", 1.0):
            start = time.monotonic()
            with self.assertRaises(AnymailAPIError):
                self.fetch("wait")
        self.assertLess(time.monotonic() - start, PATIENCE / 2)

    def test_a_server_that_dribbles_is_given_up(self):
        with mock.patch.object(certificates, "TIMEOUT", 2.0):
            start = time.monotonic()
            with self.assertRaisesMessage(AnymailAPIError, "too long"):
                self.fetch("dribble")
        self.assertLess(time.monotonic() - start, PATIENCE / 2)

    def test_the_servers_own_certificate_is_checked(self):
        with (
            mock.patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": ""}),
            self.assertRaisesMessage(AnymailAPIError, "SSLError"),
        ):
            self.fetch()

    def test_a_server_that_is_not_there_is_a_temporary_failure(self):
        with self.assertRaises(AnymailAPIError) as caught:
            fetch_certificate("https://127.0.0.1:9/x.pem", "default")
        self.assertTrue(caught.exception.is_transient)

    def test_the_certificate_authorities_are_read_once(self):
        https.tls_context.cache_clear()
        for name in ("valid", "missing", "made-up-1"):
            with contextlib.suppress(AnymailAPIError):
                self.fetch(name)
        self.assertEqual(https.tls_context.cache_info().misses, 1)

    def test_certificate_authorities_that_changed_are_read_again(self):
        self.fetch()
        bundle = Path(os.environ["REQUESTS_CA_BUNDLE"])
        pem = bundle.read_text()
        self.addCleanup(bundle.write_text, pem)
        bundle.write_text(certificate())
        os.utime(bundle, ns=(1, 1))
        with self.assertRaisesMessage(AnymailAPIError, "SSLError"):
            self.fetch("another")

    def test_no_credentials_are_sent(self):
        with tempfile.TemporaryDirectory() as folder:
            netrc = Path(folder) / "netrc"
            netrc.write_text("machine 127.0.0.1 login user password secret\n")
            netrc.chmod(0o600)
            with mock.patch.dict(os.environ, {"NETRC": str(netrc)}):
                self.fetch()
        [(_, headers)] = Handler.requests
        self.assertNotIn("Authorization", headers)
        self.assertNotIn("Cookie", headers)


class CacheTests(CertificateTestCase):
    def test_it_is_fetched_once(self):
        for _ in range(3):
            self.fetch()
        self.assertEqual(len(Handler.requests), 1)

    def test_another_process_finds_it_in_the_cache(self):
        self.fetch()
        certificates.clear()
        self.assertEqual(self.fetch(), certificate())
        self.assertEqual(len(Handler.requests), 1)

    @override_settings(
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "keys": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "k"},
        }
    )
    def test_the_setting_chooses_the_cache(self):
        fetch_certificate(self.url(), "keys")
        key = certificates.cache_key(self.url())
        self.assertEqual(caches["keys"].get(key), certificate())
        self.assertIsNone(caches["default"].get(key))

    def test_it_does_not_stay_longer_than_it_is_valid(self):
        with mock.patch.object(caches["default"], "set") as store:
            self.fetch("expired")
            store.assert_not_called()
            near = datetime(2049, 12, 30, 23, 59, 50, tzinfo=timezone.utc)
            with mock.patch.object(certificates, "utc_now", return_value=near):
                self.fetch()
        self.assertLessEqual(store.call_args.kwargs["timeout"], 86_400)

    def test_rubbish_in_the_cache_is_fetched_anew(self):
        for rubbish in ("x", b"x", 1, {}):
            with self.subTest(rubbish):
                self.forget()
                caches["default"].set(certificates.cache_key(self.url()), rubbish)
                with recorded("anymail.amazon_ses.certificates"):
                    self.assertEqual(self.fetch(), certificate())

    def test_a_cache_that_fails_is_done_without(self):
        cache = mock.Mock()
        cache.get.side_effect = cache.set.side_effect = ConnectionError
        with (
            mock.patch.object(certificates, "caches", {"default": cache}),
            self.assertLogs("anymail.amazon_ses.certificates", "WARNING"),
        ):
            self.assertEqual(self.fetch(), certificate())

    def test_a_process_keeps_a_bounded_number(self):
        with mock.patch.object(certificates, "download", return_value=certificate()):
            for number in range(certificates.MAX_IN_PROCESS + 5):
                self.fetch(f"number{number}")
        self.assertEqual(len(certificates._known.get().fetched), certificates.MAX_IN_PROCESS)

    def test_keys_suit_memcached(self):
        key = certificates.cache_key("https://example.com/" + "x" * 300)
        self.assertLess(len(key), 200)
        self.assertTrue(key.isascii() and key.isprintable() and " " not in key)


class FailureTests(CertificateTestCase):
    def try_to_fetch(self, name: str) -> None:
        with self.assertRaises(AnymailAPIError):
            self.fetch(name)

    def test_a_failure_is_remembered_for_seconds_only(self):
        for _ in range(3):
            self.try_to_fetch("missing")
        self.assertEqual(len(Handler.requests), 1)
        later = time.monotonic() + certificates.FAILURE_SECONDS
        with mock.patch.object(certificates.time, "monotonic", return_value=later):
            self.try_to_fetch("missing")
        self.assertEqual(len(Handler.requests), 2)

    def test_a_failure_is_not_shared(self):
        """What one process cannot reach must not keep the others from trying."""
        self.try_to_fetch("missing")
        self.assertIsNone(caches["default"].get(certificates.cache_key(self.url("missing"))))

    def test_failures_do_not_stop_a_url_that_was_never_tried(self):
        """Anybody can make up URLs; they must not keep the real certificate away."""
        error = certificates.unavailable("x", "y")
        with mock.patch.object(certificates, "download", side_effect=error):
            for number in range(1000):
                self.try_to_fetch(f"made-up-{number}")
        self.assertEqual(self.fetch(), certificate())

    def test_what_failed_is_forgotten_in_time(self):
        error = certificates.unavailable("x", "y")
        with mock.patch.object(certificates, "download", side_effect=error):
            for number in range(100):
                self.try_to_fetch(f"made-up-{number}")
            later = time.monotonic() + certificates.FAILURE_SECONDS
            with mock.patch.object(certificates.time, "monotonic", return_value=later):
                self.try_to_fetch("another")
        self.assertEqual(list(certificates._known.get().failed), [self.url("another")])

    def test_certificates_that_are_known_stay_so(self):
        self.fetch()
        error = certificates.unavailable("x", "y")
        with mock.patch.object(certificates, "download", side_effect=error):
            for number in range(30):
                self.try_to_fetch(f"made-up-{number}")
            self.assertEqual(self.fetch(), certificate())


class CrowdTests(CertificateTestCase):
    """Many fetches at once, of which those of made-up URLs end only when the test lets them."""

    def setUp(self) -> None:
        super().setUp()
        self.may_end = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.busy: list[str] = []
        self.most = 0
        self.found: dict[str, str] = {}
        self.threads: list[threading.Thread] = []
        self.slots = HostSlots(certificates.MAX_CONCURRENCY)
        for patch in (
            mock.patch.object(certificates, "download", self.download),
            mock.patch.object(certificates._known.get(), "slots", self.slots),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        self.addCleanup(self.end_all)

    def download(self, url: str) -> str:
        with self.lock:
            self.busy.append(url)
            self.most = max(self.most, len(self.busy))
        if "made-up" in url:
            self.may_end.acquire(timeout=PATIENCE)
        with self.lock:
            self.busy.remove(url)
        if "made-up" in url:
            raise certificates.unavailable(url, "it does not exist")
        return certificate()

    def start(self, urls: list[str]) -> None:
        for url in urls:
            thread = threading.Thread(target=self.fetch_url, args=(url,))
            thread.start()
            self.threads.append(thread)
        wait_until(lambda: len(self.busy) + len(self.slots._waiting) == len(self.threads))

    def fetch_url(self, url: str) -> None:
        with contextlib.suppress(AnymailAPIError):
            self.found[url] = fetch_certificate(url, "default")

    def end_all(self) -> None:
        self.may_end.release(len(self.threads))
        for thread in self.threads:
            thread.join()

    def urls(self, host: str, number: int) -> list[str]:
        return [f"https://{host}/made-up-{index}.pem" for index in range(number)]

    def test_a_crowd_of_one_host_leaves_room_for_others(self):
        for number in range(5):
            self.start(self.urls(f"host{number}.example", 20))
        self.start(["https://real.example/valid.pem"])
        self.may_end.release()
        wait_until(lambda: "https://real.example/valid.pem" in self.found)

    def test_of_a_crowd_the_last_goes_first(self):
        self.start(self.urls("sns.example", 500))
        self.start(["https://sns.example/valid.pem"])
        self.may_end.release()
        wait_until(lambda: "https://sns.example/valid.pem" in self.found)

    def test_a_crowd_is_limited_in_number_and_the_others_wait(self):
        for number in range(20):
            self.start(self.urls(f"host{number}.example", 10))
        self.end_all()
        self.assertEqual(self.most, certificates.MAX_CONCURRENCY)
        self.assertEqual(len(certificates._known.get().failed), 200)

    def test_one_that_waits_too_long_takes_what_another_has_fetched(self):
        self.start(self.urls("sns.example", 20))
        url = "https://sns.example/valid.pem"

        def acquire(host: str, timeout: float) -> bool:
            certificates._known.get().fetched[url] = certificate()
            return False

        with mock.patch.object(self.slots, "acquire", acquire):
            self.assertEqual(fetch_certificate(url, "default"), certificate())

    def test_one_that_waits_too_long_is_given_up(self):
        self.start(self.urls("sns.example", 20))
        with (
            mock.patch.object(certificates, "TIMEOUT", 0.01),
            self.assertRaisesMessage(AnymailAPIError, "too many are being fetched"),
        ):
            fetch_certificate("https://sns.example/valid.pem", "default")


class InterruptedTests(SimpleTestCase):
    """A signal handler may raise at any time."""

    def interrupted(self, slots: HostSlots, before: Callable[[], None]) -> None:
        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                before()
                raise KeyboardInterrupt

        with mock.patch.object(threading, "Event", Event), self.assertRaises(KeyboardInterrupt):
            slots.acquire("sns.example", 0)

    def test_one_that_waits_does_so_no_more(self):
        slots = HostSlots(2)
        slots.acquire("sns.example", 0)
        self.interrupted(slots, lambda: None)
        slots.release("sns.example")
        self.assertTrue(slots.acquire("sns.example", 0))

    def test_one_that_was_just_given_a_slot_gives_it_back(self):
        slots = HostSlots(2)
        slots.acquire("sns.example", 0)
        self.interrupted(slots, lambda: slots.release("sns.example"))
        self.assertTrue(slots.acquire("sns.example", 0))
