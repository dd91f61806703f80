"""What the consumer of queues costs, and what it loses: ``python -m tests.benchmarks.consumer``.

``cpu``
    CPU time per event, as a ratio to a bare loop that receives, calls ``receive_tracking`` and
    deletes in batches, both in one run and from the same SQS.
``memory``
    Resident memory while it handles very many messages.
``stop``
    How long SIGTERM takes: idle, and with receivers at work.
``kills``
    Consumers that are killed with SIGKILL again and again: what is lost, what is stored twice. The
    feedback app's rows are in the database that ``--db`` says, as for ``runtests.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import sys
import threading
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

from .sqs_process import EVENTS, sqs_process

#: In how many portions the messages for ``memory`` come.
PORTIONS = 200
WRONG = ("lost", "invented", "double", "dead-letter")


def settings(url: str) -> Any:
    from anymail.conf import AmazonSESSettings
    from anymail.sandbox.aws.defaults import CREDENTIALS

    return AmazonSESSettings(session_params=CREDENTIALS, client_params={"endpoint_url": url})


def cpu(options: argparse.Namespace) -> None:
    """Compare with a bare loop."""
    from anymail.amazon_ses import ESP_NAME, aws
    from anymail.amazon_ses.carriers import parse_notifications
    from anymail.amazon_ses.receive import receive_tracking
    from anymail.amazon_ses.sqs import find_queue
    from anymail.consumer import Consumer
    from anymail.signals import dispatch, tracking

    handled = []
    tracking.connect(lambda event, **kwargs: handled.append(event.event_type), weak=False)

    def bare_loop(queue: Any, ses: Any, count: int) -> None:
        client = aws.client("sqs", ses)
        while count > 0:
            answer = client.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)
            messages = answer["Messages"]
            for message in messages:
                [found] = parse_notifications(message["Body"], proof=lambda envelope: True)
                dispatch(receive_tracking(found, ses), sender=Consumer, esp_name=ESP_NAME)
            entries = [
                {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)
            ]
            client.delete_message_batch(QueueUrl=queue.url, Entries=entries)
            count -= len(messages)

    def consumer(queue: Any, ses: Any, count: int, threads: int) -> None:
        Consumer([queue], ses, threads=threads, max_messages=count).run()

    rounds, count = options.rounds, options.messages
    times: dict[str, list[float]] = {"bare loop": [], "1 thread": [], "4 threads": []}
    with sqs_process() as sqs:
        ses = settings(sqs.url)
        queue = find_queue(EVENTS, ses)
        for number in range(rounds + 1):
            for name, run in (
                ("bare loop", lambda: bare_loop(queue, ses, count)),
                ("1 thread", lambda: consumer(queue, ses, count, 1)),
                ("4 threads", lambda: consumer(queue, ses, count, 4)),
            ):
                sqs.fill(count)
                handled.clear()
                start = time.process_time()
                run()
                spent = (time.process_time() - start) / len(handled)
                if number:  # the first is to warm up
                    times[name].append(spent * 1e6)
    for name, found in times.items():
        ratios = [a / b for a, b in zip(found, times["bare loop"], strict=True)]
        print(
            f"{name:10} {min(found):7.0f} µs per event at best, {statistics.median(found):7.0f} "
            f"median; ratio {min(found) / min(times['bare loop']):.2f} at best, "
            f"{statistics.median(ratios):.2f} median (target: 1.2)"
        )


def resident() -> float:
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def memory(options: argparse.Namespace) -> None:
    """Watch the memory."""
    from anymail.amazon_ses.sqs import find_queue
    from anymail.consumer import Consumer

    portion = options.messages // PORTIONS
    with sqs_process() as sqs:
        ses = settings(sqs.url)
        consumer = Consumer([find_queue(EVENTS, ses)], ses)
        thread = threading.Thread(target=consumer.run)
        thread.start()
        for number in range(1, PORTIONS + 1):
            sqs.fill(portion)
            while consumer.tally.counts().handled < number * portion:
                time.sleep(0.05)
            if number % (PORTIONS // 10) == 0:
                print(f"{number * portion:8,} handled: {resident():6.1f} MB", flush=True)
        consumer.stop()
        thread.join()


def stop(options: argparse.Namespace) -> None:
    """Measure the end after SIGTERM."""
    from tests.command_processes import end
    from tests.consumer import event_body, wait_until
    from tests.consumer.processes import site
    from tests.local_sqs import local_sqs, stored_messages

    with local_sqs() as sqs:
        for sleep, count in ((0, 0), (5, 200)):
            found = []
            for _ in range(options.rounds):
                name = sqs.create_queue()
                sqs.send(name, *[event_body() for _ in range(count)])
                with site(sqs.settings(), SITE_SLEEP=str(sleep)) as made:
                    process = made.start(name, "--threads", "100" if count else "4")
                    sqs.calls.clear()
                    if count:
                        wait_until(lambda s=made: len(s.notes("began")) == 100)
                    else:
                        wait_until(lambda: sqs.operations().count("ReceiveMessage") > 5)
                    process.send_signal(signal.SIGTERM)
                    start = time.monotonic()
                    if count:
                        wait_until(lambda n=name: sum(m.visible for m in stored_messages(n)) == 100)
                    back = time.monotonic() - start
                    end(process)
                    found.append((time.monotonic() - start, back))
            ended, back = ([f[n] for f in found] for n in (0, 1))
            print(
                f"{count} in hand, receivers take {sleep} s: ended "
                f"{statistics.median(ended):.2f} s after SIGTERM ({max(ended):.2f} at most)"
                + (f", what was not begun was visible after {max(back):.2f} s" if count else "")
            )


def kills(options: argparse.Namespace) -> None:
    """Kill consumers, and compare what they stored with what they should have."""
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from tests.consumer.kills import Plan, run
    from tests.consumer.processes import site
    from tests.local_sqs import local_sqs

    plan = Plan(events=options.messages, poison=options.messages // 100, kills=options.kills)
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        name = None if connection.vendor == "sqlite" else {"NAME": connection.settings_dict["NAME"]}
        with local_sqs() as sqs:
            sqs.keeps_calls = False
            queue = sqs.create_queue(visibility=3, max_receives=8)
            with site(sqs.settings(), name, SITE_RETRY_DELAY="2") as made:
                found = run(sqs, made, queue, plan)
    finally:
        teardown_databases(databases, verbosity=0)
    for what, count in found.items():
        print(f"{connection.vendor}: {what}: {count:,}")
    if any(count for what, count in found.items() if any(word in what for word in WRONG)):
        sys.exit("That is wrong.")


TASKS = {"cpu": cpu, "memory": memory, "stop": stop, "kills": kills}
MESSAGES = {"cpu": 500, "memory": 20_000, "stop": 0, "kills": 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--messages", type=int, help=json.dumps(MESSAGES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--db", default="sqlite", choices=["sqlite", "postgres", "mariadb"])
    options = parser.parse_args()
    options.messages = options.messages or MESSAGES[options.task]
    os.environ["ANYMAIL_TEST_DB"] = options.db
    os.environ.setdefault("ANYMAIL_TEST_DB_NAME", f"anymail_{os.getpid()}")
    django.setup()
    TASKS[options.task](options)


if __name__ == "__main__":
    main()
