"""A database server of one's own, which may be killed: in a folder that is deleted in the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path

#: Seconds.
PATIENCE = 60.0
#: Where distributions have programs that are in no PATH.
PLACES = [*sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True), "/usr/sbin"]


@dataclass
class Server:
    """A running server on loopback.

    :param user: it runs as, if root has started it: it refuses to run as root.
    :param command: that starts it.
    :param is_ready: a command that tells.
    """

    port: int
    user: str
    command: Sequence[str]
    is_ready: Sequence[str]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as(self.user)
        )
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(self.is_ready, capture_output=True).returncode:
            assert self.process.poll() is None, self.command
            assert time.monotonic() < deadline, "The server does not answer."
            time.sleep(0.1)

    def kill(self) -> None:
        """Have it die at once, as if the machine had lost its power: SIGQUIT is PostgreSQL's own
        way of that, which leaves no processes behind."""
        self.process.send_signal(signal.SIGQUIT if self.user == "postgres" else signal.SIGKILL)
        self.process.wait()


@contextmanager
def server(db: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run one, for the length of a block; tests/settings.py finds it by ``ANYMAIL_TEST_DB_PORT``.

    :param db: "postgres" or "mariadb".
    :param settings: of the server, beside its defaults.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        make = {"postgres": _postgres, "mariadb": _mariadb}[db]
        made = make(Path(name), _free_port(), [f"{key}={settings[key]}" for key in settings])
        made.start()
        os.environ["ANYMAIL_TEST_DB_PORT"] = str(made.port)
        try:
            yield made
        finally:
            made.kill()


def _postgres(folder: Path, port: int, settings: Sequence[str]) -> Server:
    shutil.chown(folder, "postgres")
    data = str(folder / "data")
    initdb = [_program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]
    subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, **_as("postgres"))
    return Server(
        port=port,
        user="postgres",
        command=[
            *(_program("postgres"), "-D", data, "-p", str(port), "-k", str(folder)),
            *(part for setting in settings for part in ("-c", setting)),
        ],
        is_ready=[_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)],
    )


def _mariadb(folder: Path, port: int, settings: Sequence[str]) -> Server:
    shutil.chown(folder, "mysql")
    data = f"--datadir={folder / 'data'}"
    install = [_program("mariadb-install-db"), "--no-defaults", data]
    root = "--auth-root-authentication-method=normal"
    subprocess.run([*install, root], check=True, capture_output=True, **_as("mysql"))
    address = [f"--port={port}", "--host=127.0.0.1", "--protocol=tcp", "--user=root"]
    return Server(
        port=port,
        user="mysql",
        command=[
            *(_program("mariadbd"), "--no-defaults", data, f"--port={port}"),
            *("--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"),
            *(f"--{setting}" for setting in settings),
        ],
        is_ready=[_program("mariadb-admin"), "--no-defaults", *address, "ping"],
    )


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([*PLACES, os.environ["PATH"]]))
    assert found is not None, name
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _as(user: str) -> dict[str, str]:
    return {"user": user, "group": user} if os.geteuid() == 0 else {}
