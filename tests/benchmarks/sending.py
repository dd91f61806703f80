"""What sending costs, as ratios to bare boto3 measured in the same run.

``python -m tests.benchmarks.sending [single] [many] [throttled] [processes] [batch] [start]
[memory] [shared]``
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import boto3
import django
from django.conf import settings

from .fake_ses import FakeSES, fake_ses

CREDENTIALS = {
    "aws_access_key_id": "x",
    "aws_secret_access_key": "x",
    "region_name": "us-east-1",
}
V1, V2 = "anymail.backends.amazon_ses", "anymail.backends.amazon_sesv2"
SERVICES = {V1: "ses", V2: "sesv2"}


def configure() -> None:
    """Django, without a project."""
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["anymail"],
            DEFAULT_FROM_EMAIL="from@example.com",
            CACHES={
                "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
                "redis": {
                    "BACKEND": "django.core.cache.backends.redis.RedisCache",
                    "LOCATION": "redis://127.0.0.1:6379/5",
                },
            },
        )
        django.setup()


def backend(path: str, url: str, **options: Any) -> Any:
    """A new e-mail backend, as Django makes one for each send."""
    from importlib import import_module

    client_params = {**CREDENTIALS, "endpoint_url": url}
    return import_module(path).EmailBackend(client_params=client_params, **options)


def message(kind: str = "plain", size: int = 0) -> Any:
    """A message of one of the kinds that are measured."""
    from anymail.message import AnymailMessage

    result = AnymailMessage("Subject", "Some text.\n" * 20, "from@example.com", ["to@example.com"])
    if kind != "plain":
        result.attach_alternative("<p>Some text.</p>\n" * 100, "text/html")
    if size:
        result.attach("data.bin", os.urandom(size), "application/octet-stream")
    return result


def bare_call(path: str, client: Any, raw: bytes) -> Callable[[], Any]:
    """What one would write by hand, with a client that is kept."""
    if path == V1:
        return lambda: client.send_raw_email(
            Destinations=["to@example.com"], RawMessage={"Data": raw}
        )
    return lambda: client.send_email(
        Destination={"ToAddresses": ["to@example.com"]}, Content={"Raw": {"Data": raw}}
    )


def cpu(function: Callable[[], Any], repeat: int) -> float:
    """CPU milliseconds of this thread for one call."""
    start = time.thread_time()
    for _ in range(repeat):
        function()
    return (time.thread_time() - start) / repeat * 1000


def interleaved(functions: list[Callable[[], Any]], repeat: int, rounds: int = 7) -> list[float]:
    """The median CPU milliseconds of each, measured in turn."""
    samples: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, sample in zip(functions, samples, strict=True):
            gc.collect()
            sample.append(cpu(function, repeat))
    return [median(sample) for sample in samples]


def single(server: FakeSES) -> None:
    """(a) One message, with a warm client."""
    print("\n(a) one message: CPU ms, against bare boto3 with MIME by Django")
    print(f"{'':24}{'ours':>9}{'boto3':>9}{'ratio':>8}")
    for path in (V1, V2):
        client = boto3.session.Session().client(
            SERVICES[path], endpoint_url=server.url, **CREDENTIALS
        )
        for name, kind, size, repeat in (
            ("plain", "plain", 0, 60),
            ("html", "html", 0, 60),
            ("html + 100 KB", "html", 100_000, 20),
            ("html + 5 MB", "html", 5_000_000, 2),
        ):
            mail = message(kind, size)
            call = bare_call(path, client, mail.message().as_bytes())

            def bare(mail: Any = mail, call: Any = call) -> None:
                mail.message().as_bytes()
                call()

            def ours(mail: Any = mail, path: str = path) -> None:
                backend(path, server.url).send_messages([mail])

            ours()
            mine, theirs = interleaved([ours, bare], repeat)
            label = f"{SERVICES[path]:6} {name}"
            print(f"{label:24}{mine:9.2f}{theirs:9.2f}{mine / theirs:8.2f}")


def many(server: FakeSES) -> None:
    """(b) 200 messages in one send_messages()."""
    print("\n(b) 200 messages: wall ms per message")
    print(f"{'latency':>8}{'1 at once':>12}{'10 at once':>12}{'factor':>8}")
    for latency in (0.0, 0.03, 0.1):
        server.set(latency=latency)
        messages = [message() for _ in range(200)]
        samples: dict[int, list[float]] = {1: [], 10: []}
        for _ in range(7 if latency == 0 else 1):
            for concurrency, sample in samples.items():
                connection = backend(V1, server.url, max_concurrency=concurrency)
                connection.send_messages([message()])
                start = time.perf_counter()
                assert connection.send_messages(messages) == 200
                sample.append((time.perf_counter() - start) / 200 * 1000)
        one, ten = (median(sample) for sample in samples.values())
        print(f"{latency * 1000:6.0f}ms{one:12.2f}{ten:12.2f}{one / ten:8.2f}")


def report(name: str, server: FakeSES, start: float, rate: float, total: int = 200) -> None:
    """One line about a throttled run; the burst that the server grants is not counted."""
    taken = time.perf_counter() - start
    seen = server.seen()
    ideal = (total - rate) / rate
    print(
        f"{name:44}{seen['accepted']:6}{seen['refused']:9}{taken:9.1f}{ideal:8.1f}"
        f"{taken / ideal:8.2f}"
    )


def throttled(server: FakeSES) -> None:
    """(c) A server that throttles."""
    print("\n(c) 200 messages against a rate")
    print(f"{'':44}{'sent':>6}{'refused':>9}{'seconds':>9}{'ideal':>8}{'ratio':>8}")
    for rate in (14, 50):
        for given in (rate, None):
            server.set(latency=0.03, rate=rate)
            connection = backend(V1, server.url, max_send_rate=given)
            start = time.perf_counter()
            assert connection.send_messages([message() for _ in range(200)]) == 200
            report(f"{rate}/s, AMAZON_SES_MAX_SEND_RATE={given}", server, start, rate)


def _send_fifty(url: str, options: dict[str, Any]) -> None:
    configure()
    for _ in range(50):
        assert backend(V1, url, **options).send_messages([message()]) == 1


def processes(server: FakeSES) -> None:
    """(c) Four threads, and four processes, with 50 messages each."""
    print(f"\n{'':44}{'sent':>6}{'refused':>9}{'seconds':>9}{'ideal':>8}{'ratio':>8}")
    kinds: list[tuple[str, Any]] = [
        ("threads", threading.Thread),
        ("processes", multiprocessing.get_context("spawn").Process),
    ]
    for name, kind in kinds:
        server.set(latency=0.03, rate=14)
        workers = [kind(target=_send_fifty, args=(server.url, {})) for _ in range(4)]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        report(f"14/s, four {name}, no setting", server, start, 14)


def batch(server: FakeSES) -> None:
    """(d) A template for 1,000 recipients."""
    print("\n(d) a template for 1,000 recipients: wall ms")
    print(f"{'latency':>8}{'1 at once':>12}{'10 at once':>12}{'factor':>8}")
    for latency in (0.03, 0.1):
        server.set(latency=latency)
        timings = []
        for concurrency in (1, 10):
            mail = message()
            mail.subject = mail.body = ""
            mail.template_id = "welcome"
            mail.to = [f"to{n}@example.com" for n in range(1000)]
            mail.merge_data = {address: {"n": 1} for address in mail.to}
            connection = backend(V2, server.url, max_concurrency=concurrency)
            start = time.perf_counter()
            assert connection.send_messages([mail]) == 1
            timings.append((time.perf_counter() - start) * 1000)
        one, ten = timings
        print(f"{latency * 1000:6.0f}ms{one:12.0f}{ten:12.0f}{one / ten:8.2f}")


def start(server: FakeSES) -> None:
    """(e) Start-up."""
    print("\n(e) start-up: ms, and whether boto3 is loaded")
    for code in (
        "import django",
        "import anymail.urls",
        "import anymail.backends.amazon_ses",
        "import boto3",
    ):
        script = (
            "import django, sys, time; from django.conf import settings;"
            "settings.configure(INSTALLED_APPS=['anymail']); django.setup();"
            f"start = time.perf_counter(); {code};"
            "print(f'{(time.perf_counter() - start) * 1000:8.1f}', 'boto3' in sys.modules)"
        )
        samples = [
            subprocess.run(
                [sys.executable, "-c", script], check=True, capture_output=True, text=True
            ).stdout.split()
            for _ in range(5)
        ]
        print(f"{code:40}{median(float(s[0]) for s in samples):8.1f}  {samples[0][1]}")


def memory(server: FakeSES) -> None:
    """(f) Peak memory above the attachment."""
    print("\n(f) peak memory while sending, above the attachment: MB, and times the attachment")
    for path, sizes in ((V1, (3, 7)), (V2, (5, 25))):
        for size in sizes:
            mail = message(size=size * 1_000_000)
            backend(path, server.url).send_messages([message()])
            gc.collect()
            tracemalloc.start()
            backend(path, server.url).send_messages([mail])
            peak = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
            print(f"{SERVICES[path]:6}{size:4} MB{peak:9.2f}{peak / size:8.2f}")


def _send_for(url: str, seconds: float, options: dict[str, Any]) -> None:
    configure()
    until = time.monotonic() + seconds

    def messages() -> Iterator[Any]:
        while time.monotonic() < until:
            yield message()

    backend(V1, url, **options).send_messages(messages())


def shared(server: FakeSES) -> None:
    """(g) Four processes that share a rate through Redis."""
    print("\n(g) four processes sharing 50/s through Redis: accepted within 10 s")
    context = multiprocessing.get_context("spawn")
    server.set(latency=0.03)
    options = {"max_send_rate": 50, "rate_limit_cache": "redis"}
    workers = [context.Process(target=_send_for, args=(server.url, 14, options)) for _ in range(4)]
    for worker in workers:
        worker.start()
    time.sleep(2)  # all of them are running
    before = server.seen()["accepted"]
    time.sleep(10)
    print(f"{server.seen()['accepted'] - before}, expected 500")
    for worker in workers:
        worker.join()


ALL = {
    "single": single,
    "many": many,
    "throttled": throttled,
    "processes": processes,
    "batch": batch,
    "start": start,
    "memory": memory,
    "shared": shared,
}


def main(names: list[str]) -> None:
    """Run the benchmarks of these names; all without any."""
    configure()
    with fake_ses() as server:
        for name in names or ALL:
            server.set()
            ALL[name](server)


if __name__ == "__main__":
    main(sys.argv[1:])
