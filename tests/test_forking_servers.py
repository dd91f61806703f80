"""Servers that fork after the site was loaded: no worker uses another's connections."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock, skipUnless

from django.test import SimpleTestCase

from anymail.amazon_ses.process_local import ProcessLocal

from .local_sns import PATIENCE, reserved_port
from .ses import Answer, Request, loopback_server, v1_success

ROOT = Path(__file__).parent.parent
WORKERS, REQUESTS = 4, 120
#: Without a proxy, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def installed_script(name: str) -> str | None:
    """Where a command is: beside the interpreter, or on the path."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return shutil.which(name, path=os.pathsep.join(folders))


def echo(request: Request, number: int) -> Answer:
    """Accept a message; its id is its subject."""
    raw = request.form["RawMessage.Data"]
    subject = b64decode(raw).partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
    time.sleep(0.01)  # so that the requests of several workers overlap
    return 200, v1_success(subject)


@contextlib.contextmanager
def running(command: list[str], port: int, ses_url: str) -> Iterator[str]:
    """A server in a process of its own, until the end of the ``with`` block."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "SES_URL": ses_url}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(server, url)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            get(f"{url}?first")
            return
        time.sleep(0.1)
    server.kill()
    raise AssertionError(server.communicate()[0].decode())


def get(url: str) -> tuple[str, str]:
    """The process that answered, and the id of the message that it sent."""
    with OPENER.open(url, timeout=PATIENCE) as response:
        pid, _, found = response.read().decode().partition(" ")
    return pid, found


class ForkingServersTests(SimpleTestCase):
    def check(self, command: Callable[[str], list[str]]) -> None:
        with (
            loopback_server(echo) as ses,
            reserved_port() as port,
            running(command(f"127.0.0.1:{port}"), port, ses.url) as url,
        ):
            names = [f"message-{number}" for number in range(REQUESTS)]
            with ThreadPoolExecutor(2 * WORKERS) as pool:
                answers = list(pool.map(lambda name: get(f"{url}?{name}"), names))
            self.assertEqual([found for _, found in answers], names)
            self.assertGreater(len({pid for pid, _ in answers}), 1)

    @skipUnless(installed_script("uwsgi"), "uWSGI is not installed")
    def test_uwsgi_which_forks_in_c(self) -> None:
        self.check(
            lambda address: [
                *(installed_script("uwsgi") or "", "--http-socket", address, "--need-app"),
                *("--master", "--processes", str(WORKERS), "--virtualenv", sys.prefix),
                *("--wsgi-file", str(ROOT / "tests" / "preloaded_site.py")),
            ]
        )

    @skipUnless(installed_script("gunicorn"), "gunicorn is not installed")
    def test_gunicorn_that_loads_the_site_first(self) -> None:
        self.check(
            lambda address: [
                *(sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS)),
                *("--bind", address, "tests.preloaded_site:application"),
            ]
        )


class ProcessLocalTests(SimpleTestCase):
    def test_each_process_makes_its_own_and_keeps_it(self) -> None:
        made = ProcessLocal(list[int])
        ours = made.get()
        self.assertIs(made.get(), ours)
        with mock.patch("os.getpid", return_value=-1):
            theirs = made.get()
            self.assertIs(made.get(), theirs)
        self.assertIsNot(ours, theirs)
