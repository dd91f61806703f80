"""Many messages: what overlaps, in which order things happen, and how a batch ends."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from typing import Any
from unittest import mock

from django.test import SimpleTestCase

from anymail.amazon_ses import aws, delivery
from anymail.backends import batch
from anymail.backends.amazon_ses import EmailBackend
from anymail.exceptions import AnymailAPIError
from anymail.signals import post_send, pre_send

from ..local_sns import PATIENCE, wait_until
from ..ses import CREDENTIALS, loopback_server, simple_message, v1_error, v1_success
from .test_backends import connected


class FakeClient:
    """A client that answers as told: by the subject of the message.

    ``"slow"`` takes a moment, ``"bad"`` is refused, ``"four"`` waits until four run at once.
    """

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.order: list[str] = []
        self.running = self.most = 0
        self.lock = threading.Lock()

    def send_raw_email(self, **params: Any) -> dict[str, str]:
        subject = params["RawMessage"]["Data"].partition(b"Subject: ")[2].split(b"\r\n")[0].decode()
        with self.lock:
            self.threads.add(threading.current_thread().name)
            self.order.append(subject)
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.1 if "slow" in subject else 0.01)
        if "four" in subject:
            wait_until(lambda: self.most >= 4)
        with self.lock:
            self.running -= 1
        if "bad" in subject:
            raise AnymailAPIError(f"refused {subject}", is_unsent=True)
        return {"MessageId": f"id {subject}"}

    def order_seen(self) -> list[str]:
        """The subjects of what was posted, without blanks around them."""
        return [subject.strip() for subject in self.order]


def numbered(count: int, **special: str) -> list[Any]:
    """Messages whose subjects are numbers, but for some: ``_3="bad"``."""
    return [simple_message(subject=f"{n} {special.get(f'_{n}', '')}") for n in range(count)]


class BatchTests(SimpleTestCase):
    def setUp(self) -> None:
        self.client_double = FakeClient()
        patch = mock.patch.object(aws, "client", return_value=self.client_double)
        patch.start()
        self.addCleanup(patch.stop)

    def started(self, message: Any) -> bool:
        return message.subject.strip() in self.client_double.order_seen()

    def send(self, messages: Any, **options: Any) -> int:
        return EmailBackend(**options).send_messages(messages)

    def test_calls_overlap_up_to_the_setting(self) -> None:
        messages = numbered(20, _1="four", _2="four", _3="four", _4="four")
        self.assertEqual(self.send(messages, max_concurrency=4), 20)
        self.assertEqual(self.client_double.most, 4)

    def test_every_message_gets_its_own_answer(self) -> None:
        messages = numbered(30)
        self.send(messages)
        for message in messages:
            self.assertEqual(message.anymail_status.message_id, f"id {message.subject}".strip())

    def test_quick_answers_need_no_threads(self) -> None:
        with mock.patch.object(batch, "QUICK", 10):
            self.send(numbered(5))
        self.assertEqual(self.client_double.threads, {threading.current_thread().name})

    def test_one_message_needs_no_thread(self) -> None:
        self.send(numbered(1))
        self.assertEqual(self.client_double.threads, {threading.current_thread().name})

    def test_without_concurrency_there_are_no_threads(self) -> None:
        self.send(numbered(3), max_concurrency=1)
        self.assertEqual(self.client_double.threads, {threading.current_thread().name})

    def test_signals_are_in_the_callers_thread_and_in_order(self) -> None:
        seen: list[tuple[str, str, str]] = []

        def receiver(signal: Any, message: Any, **kwargs: Any) -> None:
            name = "pre" if signal is pre_send else "post"
            seen.append((name, message.subject, threading.current_thread().name))

        with connected(pre_send, receiver), connected(post_send, receiver):
            self.send(numbered(12, _0="slow", _5="slow"), max_concurrency=4)
        self.assertEqual({thread for _, _, thread in seen}, {threading.current_thread().name})
        for name in ("pre", "post"):
            numbers = [int(subject.split()[0]) for kind, subject, _ in seen if kind == name]
            self.assertEqual(numbers, list(range(12)))

    def test_threads_end_with_the_call(self) -> None:
        before = set(threading.enumerate())
        self.send(numbered(20))
        self.assertEqual(set(threading.enumerate()) - before, set())

    def test_after_a_failure_nothing_new_is_started_and_the_rest_is_finished(self) -> None:
        messages = numbered(40, _3="bad", _2="slow")
        posted: list[str] = []
        with (
            connected(post_send, lambda message, **kwargs: posted.append(message.subject)),
            self.assertRaisesRegex(AnymailAPIError, "refused 3 bad"),
        ):
            self.send(messages, max_concurrency=4)
        started = self.client_double.order
        self.assertLess(len(started), 20)
        for message in messages:
            if (
                message.subject.strip() in [s.strip() for s in started]
                and "bad" not in message.subject
            ):
                self.assertEqual(message.anymail_status.status, {"queued"})
                self.assertIn(message.subject, posted)
        self.assertEqual(len(posted), len(started) - 1)

    def test_the_first_error_in_order_is_raised(self) -> None:
        with self.assertRaisesRegex(AnymailAPIError, "refused 1 slow bad"):
            self.send(numbered(20, _1="slow bad", _2="bad"), max_concurrency=4)

    def test_silently_everything_else_is_sent(self) -> None:
        messages = numbered(20, _3="bad", _7="bad")
        self.assertEqual(self.send(messages, fail_silently=True), 18)

    def test_an_error_while_building_waits_for_those_before_it(self) -> None:
        messages = numbered(6, _0="slow")
        messages[2].to = ["no address"]
        with self.assertRaisesRegex(ValueError, "`to`"):
            self.send(messages)
        self.assertEqual(messages[0].anymail_status.status, {"queued"})
        self.assertEqual(messages[1].anymail_status.status, {"queued"})
        self.assertFalse(
            hasattr(messages[5], "anymail_status") and messages[5].anymail_status.status
        )

    def test_an_exception_of_the_iterable_finishes_what_is_on_its_way(self) -> None:
        messages = numbered(3, _0="slow")

        def failing() -> Iterator[Any]:
            yield from messages
            raise RuntimeError("the source")

        with self.assertRaisesRegex(RuntimeError, "the source"):
            self.send(failing())
        for message in messages:
            self.assertEqual(message.anymail_status.status, {"queued"})

    def test_a_message_is_sent_before_the_next_one_is_asked_for(self) -> None:
        messages = numbered(3)

        def waiting() -> Iterator[Any]:
            for message in messages:
                yield message
                wait_until(lambda: self.started(message))  # noqa: B023

        self.assertEqual(self.send(waiting()), 3)

    def test_an_interruption_ends_a_silent_batch_too(self) -> None:
        messages = numbered(10, _0="slow")
        seen: list[Any] = []

        def interrupting(message: Any, **kwargs: Any) -> None:
            seen.append(message)
            if message is messages[4]:
                raise KeyboardInterrupt

        with connected(pre_send, interrupting), self.assertRaises(KeyboardInterrupt):
            self.send(messages, fail_silently=True)
        self.assertEqual(seen, messages[:5])

    def test_an_error_that_is_not_silenced_ends_a_silent_batch(self) -> None:
        messages = numbered(10, _0="slow")
        messages[3].extra_headers = {"X-Bad": "a\nb"}
        with self.assertRaises(ValueError):
            self.send(messages, fail_silently=True)
        self.assertFalse(self.started(messages[5]))

    def test_an_interruption_of_one_thread_leaves_others_alone(self) -> None:
        backend, inside, interrupted = EmailBackend(), threading.Event(), threading.Event()
        results: list[Any] = []

        def receiver(message: Any, **kwargs: Any) -> None:
            if message.subject == "waits":
                inside.set()
                interrupted.wait(PATIENCE)
            if message.subject == "interrupted":
                raise KeyboardInterrupt

        with connected(pre_send, receiver):
            messages = [simple_message(subject="waits"), simple_message(subject="after")]
            thread = threading.Thread(
                target=lambda: results.append(backend.send_messages(messages))
            )
            thread.start()
            inside.wait(PATIENCE)
            with self.assertRaises(KeyboardInterrupt):
                backend.send_messages([simple_message(subject="interrupted")])
            interrupted.set()
            thread.join()
        self.assertEqual(results, [2])

    def test_a_call_that_was_under_way_when_interrupted_may_have_been_accepted(self) -> None:
        message = simple_message(to=[f"to{n}@example.com" for n in range(101)])
        calls: list[Any] = []

        def post(**params: Any) -> dict[str, str]:
            calls.append(params)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return {"MessageId": f"id {len(calls)}"}

        self.client_double.send_raw_email = post  # type: ignore[method-assign]
        with self.assertRaises(KeyboardInterrupt):
            self.send([message], max_concurrency=1, split_recipients=True)
        recipients = message.anymail_status.recipients
        self.assertEqual(recipients["to0@example.com"].status, "queued")
        self.assertEqual(recipients["to50@example.com"].status, "unknown")
        self.assertEqual(recipients["to100@example.com"].status, "failed")

    def test_a_call_that_was_lost_beside_one_that_was_refused_is_not_unsent(self) -> None:
        message = simple_message(
            subject="", body="", template_id="t", to=[f"to{n}@example.com" for n in range(101)]
        )
        refused = {"Status": [{"Status": "MessageRejected"}] * 50}
        both_running = threading.Barrier(2, timeout=PATIENCE)

        def post(**params: Any) -> Any:
            first = params["Destinations"][0]["Destination"]["ToAddresses"][0]
            if first == "to0@example.com":
                return refused
            both_running.wait()
            raise AnymailAPIError(first, is_unsent=first == "to50@example.com")

        self.client_double.send_bulk_templated_email = post  # type: ignore[attr-defined]
        with (
            mock.patch.object(batch, "QUICK", 0),
            self.assertRaisesRegex(AnymailAPIError, "to50") as caught,
        ):
            self.send([message])
        statuses = [r.status for r in message.anymail_status.recipients.values()]
        self.assertEqual(statuses, ["failed"] * 100 + ["unknown"])
        self.assertIs(caught.exception.is_unsent, False)

    def test_an_exception_nobody_knows_keeps_the_statuses_of_other_calls(self) -> None:
        message = simple_message(to=[f"to{n}@example.com" for n in range(100)])
        answers = iter([{"MessageId": "id"}, OSError("from to60@example.com")])

        def post(**params: Any) -> Any:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.client_double.send_raw_email = post  # type: ignore[method-assign]
        with self.assertRaises(OSError):
            self.send([message], max_concurrency=1, split_recipients=True)
        recipients = message.anymail_status.recipients
        self.assertEqual(recipients["to0@example.com"].message_id, "id")
        self.assertEqual(recipients["to60@example.com"].status, "unknown")
        self.assertNotIn("to60", str(recipients["to60@example.com"].error_message))

    def test_an_interruption_finishes_what_is_on_its_way(self) -> None:
        messages = numbered(10, _0="slow", _1="slow")

        def interrupting(message: Any, **kwargs: Any) -> None:
            if message is messages[4]:
                wait_until(lambda: self.started(messages[1]))
                raise KeyboardInterrupt

        with connected(pre_send, interrupting), self.assertRaises(KeyboardInterrupt):
            self.send(messages)
        for message in messages[:2]:
            self.assertEqual(message.anymail_status.status, {"queued"})
        self.assertNotIn("9", [subject.strip() for subject in self.client_double.order])

    def test_calls_see_the_context_variables_of_the_caller(self) -> None:
        trace: ContextVar[str] = ContextVar("trace", default="lost")
        seen: list[str] = []
        post = self.client_double.send_raw_email

        def note(**params: Any) -> dict[str, str]:
            seen.append(trace.get())
            return post(**params)

        self.client_double.send_raw_email = note  # type: ignore[method-assign]

        def caller() -> None:
            trace.set("the caller's")
            self.send(numbered(6))

        with mock.patch.object(batch, "QUICK", -1):
            copy_context().run(caller)
        self.assertGreater(len(self.client_double.threads), 1)
        self.assertEqual(set(seen), {"the caller's"})

    def test_a_generator_is_consumed_as_it_goes(self) -> None:
        ahead: list[int] = []

        def messages() -> Iterator[Any]:
            for n in range(200):
                ahead.append(n - len(self.client_double.order))
                yield simple_message(subject=str(n))

        self.send(messages(), max_concurrency=4)
        self.assertLessEqual(max(ahead), 20)

    def test_a_long_generator_needs_constant_memory(self) -> None:
        self.client_double.send_raw_email = lambda **params: {"MessageId": "m"}  # type: ignore[method-assign]

        def peak(count: int) -> int:
            tracemalloc.start()
            self.send(simple_message() for _ in range(count))
            result = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return result

        peak(50)
        # 1,350 more messages would be several megabytes.
        self.assertLess(peak(1500) - peak(150), 1_000_000)

    def test_threads_may_share_a_backend(self) -> None:
        backend = EmailBackend()
        counts: list[int] = []
        threads = [
            threading.Thread(target=lambda: counts.append(backend.send_messages(numbered(10))))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(counts, [10] * 8)


class InterruptedRetryTests(SimpleTestCase):
    def test_a_call_that_waits_to_be_repeated_gives_up(self) -> None:
        throttled = (400, v1_error("Throttling", "Maximum sending rate exceeded."))

        def answer(request: Any, number: int) -> tuple[int, bytes]:
            time.sleep(2 * batch.QUICK)
            return (200, v1_success()) if number == 1 else throttled

        def interrupting(**kwargs: Any) -> None:
            if len(server.requests) > 1:
                raise KeyboardInterrupt

        with (
            loopback_server(answer) as server,
            mock.patch.object(delivery, "FIRST_PAUSE", 600),
            mock.patch.object(delivery, "LONGEST_PAUSE", 600),
            connected(pre_send, interrupting),
        ):
            backend = EmailBackend(
                session_params=CREDENTIALS,
                client_params={"endpoint_url": server.url},
                throttle_timeout=3600,
            )

            def messages() -> Iterator[Any]:
                for n in range(5):
                    if n == 3:
                        wait_until(lambda: len(server.requests) > 1)
                    yield simple_message()

            start = time.monotonic()
            with self.assertRaises(KeyboardInterrupt):
                backend.send_messages(messages())
            self.assertLess(time.monotonic() - start, 60)
