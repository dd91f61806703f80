"""CPU until the sandbox's page answers.

``python -m tests.benchmarks.sandbox_start [CHECKOUT]``: with the folder of another version, the two
take turns.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TRIES = 5


def main() -> None:
    checkouts = [ROOT, *map(Path, sys.argv[1:])]
    found = [[measure(checkout) for checkout in checkouts] for _ in range(TRIES)]
    medians = []
    for checkout, measured in zip(checkouts, zip(*found, strict=True), strict=True):
        cpu, wall = (statistics.median(values) for values in zip(*measured, strict=True))
        print(f"{checkout}: {cpu:.2f} s of CPU, {wall:.2f} s until the page answers")
        medians.append(cpu)
    for checkout, cpu in zip(checkouts[1:], medians[1:], strict=True):
        print(f"{medians[0] / cpu:.2f} of the CPU of {checkout} (medians of {TRIES})")


def measure(checkout: Path) -> tuple[float, float]:
    """CPU and time, in seconds, from the start of the process to the first page."""
    with tempfile.TemporaryDirectory() as home, socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
        reserved.close()
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "anymail.sandbox", f"--port={port}", "--amazon-port=0"],
            cwd=checkout,
            env={**os.environ, "HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_page(f"http://127.0.0.1:{port}/")
            return cpu_of(process.pid), time.perf_counter() - started
        finally:
            process.kill()
            process.wait()


def wait_for_page(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(url, timeout=60).close()
            return
        except urllib.error.URLError:
            time.sleep(0.01)


def cpu_of(pid: int) -> float:
    """User and system time (proc(5), ``/proc/[pid]/stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
