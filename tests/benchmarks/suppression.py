"""Does a long list of Amazon's take more memory than a short one?

``python -m tests.benchmarks.suppression`` pulls 10,000 and 100,000 addresses from a server on
loopback, each in a process of its own with a SQLite database on disk, and prints the time, and the
peak of the memory that Python allocates. It exits with 1 if the long list takes more than 1.5 times
that of the short one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

SIZES = (10_000, 100_000)
TARGET = 1.5
PAGE = 1_000


def main() -> int:
    """Measure both, print it, and say whether the memory is constant."""
    peaks = []
    for size in SIZES:
        command = [sys.executable, "-m", "tests.benchmarks.suppression", str(size)]
        found = json.loads(subprocess.check_output(command).splitlines()[-1])
        peaks.append(found["peak"])
        print(f"{size:>9,} addresses: {found['seconds']:.1f} s, {found['peak'] / 2**20:.1f} MiB")
    ratio = peaks[1] / peaks[0]
    print(f"memory: {ratio:.2f} times")
    return int(ratio > TARGET)


def answer(size: int) -> Any:
    """A WSGI application that lists so many addresses."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        [token] = parse_qs(environ["QUERY_STRING"]).get("NextToken", ["0"])
        begin, end = int(token), min(int(token) + PAGE, size)
        found: dict[str, Any] = {
            "SuppressedDestinationSummaries": [
                {
                    "EmailAddress": f"User{number}@example{number % 97}.com",
                    "Reason": "BOUNCE",
                    "LastUpdateTime": 1_700_000_000 + number,
                }
                for number in range(begin, end)
            ]
        }
        if end < size:
            found["NextToken"] = str(end)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(found).encode()]

    return application


def measure(size: int, folder: str) -> None:
    """Pull a list of this size, and print both figures."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = str(Path(folder, "benchmark.sqlite3"))
    django.setup()
    from django.core.management import call_command

    from anymail.amazon_ses.suppression_list import AmazonSuppressionList
    from anymail.conf import AmazonSESSettings
    from anymail.feedback.models import Suppression
    from anymail.feedback.pulling import pull
    from anymail.sandbox.servers import serve

    from ..steady_server import steady_client

    call_command("migrate", verbosity=0)
    seconds = peak = 0.0
    # The first imports and warms everything; tracing takes several times as long.
    for count, is_traced in ((PAGE, False), (size, False), (size, True)):
        Suppression.objects.all().delete()
        with serve(answer(count), "127.0.0.1", 0) as url:
            client = steady_client(url, "sesv2", "us-east-1")
            listed = AmazonSuppressionList(client=client, settings=AmazonSESSettings.load())
            if is_traced:
                tracemalloc.start()
            started = time.perf_counter()
            for _ in pull(listed, "default"):
                pass
            if is_traced:
                peak = tracemalloc.get_traced_memory()[1]
            else:
                seconds = time.perf_counter() - started
    assert Suppression.objects.count() == size
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            measure(int(sys.argv[1]), folder)
    else:
        sys.exit(main())
