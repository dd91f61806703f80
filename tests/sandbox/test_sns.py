"""anymail.sandbox.aws: SNS for webhooks. Everything goes over HTTP, as with Amazon."""

from __future__ import annotations

import base64
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock, skipUnless

from botocore.exceptions import ClientError
from django.test import SimpleTestCase
from moto.sns.models import sns_backends

from anymail.amazon_ses import trust
from anymail.amazon_ses.sns import SnsEnvelope
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.sandbox import SandboxError
from anymail.sandbox.aws.api import ApiError
from anymail.sandbox.aws.defaults import ACCOUNT, REGION
from anymail.sandbox.aws.schedule import Schedule
from anymail.sandbox.aws.sns import local_sns, posting, subscription
from anymail.sandbox.aws.sns.local_sns import LocalSns
from anymail.sandbox.aws.sns.posting import post_to_webhook
from anymail.sandbox.aws.sns.signing_key import SigningKey, default_key_file
from anymail.sandbox.aws.sns.subscription import Subscription
from anymail.sandbox.journal import Attempt, Journal, SentMail, SesEvent, now
from anymail.sandbox.servers import serve
from anymail.signals import tracking
from anymail.testing import DEFAULT_TOPIC, ses_event
from anymail.testing.sns import confirmation_fields

from ..class_context import enter_class_context
from ..local_sns import (
    PATIENCE,
    SECRET,
    Webhook,
    heard,
    project,
    reserved_port,
    small_amazon,
    wait_until,
    webhook,
)

KEY = SigningKey.generate()
TRACKING = "/anymail/amazon_ses/tracking/"
CHALLENGE = (401, {"WWW-Authenticate": 'Basic realm="x"'})


def check_signature(fields: dict[str, Any], key: SigningKey = KEY) -> None:
    """Raise unless a webhook that knows the key would believe this."""
    envelope = SnsEnvelope.from_json(json.dumps(fields))
    certificate = trust.usable_certificate(key.certificates[envelope.signing_cert_url], now())
    trust.check_signature(envelope, certificate)


class SigningKeyTests(SimpleTestCase):
    """Where the key comes from, and who sees it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "new folder" / "sns.pem"

    def test_both_signature_versions_are_believed(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                signed = KEY.sign(confirmation(), version)
                self.assertEqual(signed["SignatureVersion"], version)
                check_signature(signed)

    def test_a_changed_document_is_not(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            check_signature({**KEY.sign(confirmation(), "2"), "Message": "other"})

    def test_each_key_has_a_url_of_its_own(self):
        other = SigningKey.generate()
        self.assertNotEqual(other.url, KEY.url)
        self.assertNotEqual(other.secret, KEY.secret)
        self.assertRegex(
            KEY.url,
            r"https://sns\.us-east-1\.amazonaws\.com/SimpleNotificationService-[0-9a-f]{32}\.pem",
        )

    def test_it_is_kept_in_the_cache_folder(self):
        for cache, folder in (("/c", "/c"), ("", "/home/ann/.cache")):
            with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": cache, "HOME": "/home/ann"}):
                found = default_key_file()
            self.assertEqual(found, Path(folder) / "django-anymail-ses" / "sandbox.pem")

    def test_a_kept_key_stays(self):
        first = SigningKey.load_or_create(self.path)
        second = SigningKey.load_or_create(self.path)
        self.assertEqual(
            (second.url, second.certificate, second.secret),
            (first.url, first.certificate, first.secret),
        )
        check_signature(second.sign(confirmation(), "2"), first)

    @skipUnless(os.name == "posix", "Windows has no such modes")
    def test_nobody_else_can_read_it(self):
        SigningKey.load_or_create(self.path)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.path.parent.stat().st_mode & 0o077, 0)

    def test_nothing_else_is_left_beside_it(self):
        SigningKey.load_or_create(self.path)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["sns.pem"])

    def test_a_file_that_is_something_else_is_left_alone(self):
        self.path.parent.mkdir()
        head, begin, certificate = KEY.pem.partition(b"-----BEGIN CERTIFICATE-----")
        for content in (b"", b"\xff\x00", head, begin + certificate, KEY.pem[:200]):
            with self.subTest(content=content[:40]):
                self.path.write_bytes(content)
                with self.assertRaisesMessage(SandboxError, "is not a signing key of the sandbox"):
                    SigningKey.load_or_create(self.path)
                self.assertEqual(self.path.read_bytes(), content)

    def test_a_file_that_cannot_be_written(self):
        self.path.parent.write_text("not a folder")
        with self.assertRaisesMessage(SandboxError, str(self.path)):
            SigningKey.load_or_create(self.path)


def confirmation() -> dict[str, Any]:
    """What SNS signs."""
    return confirmation_fields(DEFAULT_TOPIC, "abc")


class SnsTestCase(SimpleTestCase):
    """With an SNS that does not wait long, and a topic."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, small_amazon())
        cls.api = cls.amazon.client("sns")

    def setUp(self) -> None:
        self.journal = Journal()
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)
        self.start_sns()

    def start_sns(self, **options: Any) -> None:
        """Take the place of the SNS that runs, with a topic."""
        usual = {"key": KEY, "retry_pause": 0.05, "timeout": PATIENCE}
        self.sns = LocalSns(self.journal, **{**usual, **options})
        self.addCleanup(self.sns.close)
        self.topic = self.amazon.create_topic()

    def run_webhook(self, *answers: Any, **kwargs: Any) -> Webhook:
        return self.stack.enter_context(webhook(*answers, **kwargs))

    def subscribe(self, hook: Webhook, path: str = "/hook/", user: str = "", **more: str) -> str:
        """Subscribe a webhook and confirm for it; gives the ARN."""
        url = hook.url.replace("//", f"//{user}") + path
        self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url, Attributes=more)
        wait_until(lambda: hook.requests)
        token = json.loads(hook.requests[-1]["body"])["Token"]
        answer = self.api.confirm_subscription(TopicArn=self.topic, Token=token)
        wait_until(lambda: self.last_attempt(url))
        hook.requests.clear()
        return answer["SubscriptionArn"]

    def confirm_all(self) -> None:
        """Confirm every subscription, whatever its webhook answered."""
        for found in self.sns.webhooks():
            self.api.confirm_subscription(TopicArn=found.topic_arn, Token=found.token)

    def subscription(self, url: str) -> Subscription:
        """The subscription of a webhook to the topic."""
        wanted = (self.topic, url)
        return next(w for w in self.sns.webhooks() if (w.topic_arn, w.endpoint) == wanted)

    def last_attempt(self, url: str) -> Attempt | None:
        return self.subscription(url).last_attempt

    def is_confirmed(self, url: str) -> bool:
        return self.subscription(url).is_confirmed

    def publish(self, message: str = "Hello", **kwargs: Any) -> SesEvent:
        """Publish something; the result knows what becomes of it."""
        event = SesEvent(kind="Send", document={})
        self.sns.publish(self.topic, message, event=event, **kwargs)
        return event

    def wait_for_posts(self, *events: SesEvent) -> None:
        wait_until(lambda: all(post.state != "retrying" for e in events for post in e.posts))

    def assert_refused(self, code: str, call: Any, **params: Any) -> str:
        with self.assertRaises(ClientError) as caught:
            call(**params)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]


class PostTests(SnsTestCase):
    """What a webhook gets."""

    def test_a_request_to_confirm(self):
        hook = self.run_webhook()
        url = f"{hook.url}/hook/?a=b"
        self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url)
        wait_until(lambda: hook.requests)
        [request] = hook.requests
        fields = json.loads(request["body"])
        check_signature(fields)
        self.assertEqual(fields["Type"], "SubscriptionConfirmation")
        self.assertEqual(fields["TopicArn"], self.topic)
        self.assertEqual(
            fields["SubscribeURL"],
            "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
            f"&TopicArn={self.topic}&Token={fields['Token']}",
        )
        self.assertEqual((request["PATH_INFO"], request["QUERY_STRING"]), ("/hook/", "a=b"))
        self.assertEqual(request["REQUEST_METHOD"], "POST")
        self.assertEqual(request["CONTENT_TYPE"], "text/plain; charset=UTF-8")
        self.assertEqual(request["HTTP_USER_AGENT"], "Amazon Simple Notification Service Agent")
        self.assertEqual(request["HTTP_X_AMZ_SNS_MESSAGE_TYPE"], "SubscriptionConfirmation")
        self.assertEqual(request["HTTP_X_AMZ_SNS_MESSAGE_ID"], fields["MessageId"])
        self.assertEqual(request["HTTP_X_AMZ_SNS_TOPIC_ARN"], self.topic)
        self.assertNotIn("HTTP_X_AMZ_SNS_SUBSCRIPTION_ARN", request)
        self.assertNotIn("HTTP_AUTHORIZATION", request)

    def test_a_notification(self):
        hook = self.run_webhook()
        arn = self.subscribe(hook)
        text = 'Grüße, "you" \n 🍵'
        event = self.publish(text, subject="Amazon SES Email Event Notification")
        self.wait_for_posts(event)
        [request] = hook.requests
        fields = json.loads(request["body"])
        check_signature(fields)
        self.assertEqual(
            set(fields),
            {
                "Type",
                "MessageId",
                "TopicArn",
                "Subject",
                "Message",
                "Timestamp",
                "SignatureVersion",
                "Signature",
                "SigningCertURL",
                "UnsubscribeURL",
            },
        )
        self.assertEqual(fields["Message"], text)
        self.assertEqual(fields["Subject"], "Amazon SES Email Event Notification")
        self.assertIn(f"Action=Unsubscribe&SubscriptionArn={arn}", fields["UnsubscribeURL"])
        self.assertEqual(request["HTTP_X_AMZ_SNS_MESSAGE_TYPE"], "Notification")
        self.assertEqual(request["HTTP_X_AMZ_SNS_SUBSCRIPTION_ARN"], arn)

    def test_proxies_of_the_machine_are_not_used(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        with mock.patch.dict(os.environ, {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}):
            event = self.publish()
            self.wait_for_posts(event)
        self.assertEqual(event.posts[0].state, "delivered")

    def test_without_a_subject_there_is_none(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        self.wait_for_posts(self.publish())
        self.assertNotIn("Subject", json.loads(hook.requests[0]["body"]))

    def test_the_topic_says_how_it_is_signed(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        self.wait_for_posts(self.publish())
        self.api.set_topic_attributes(
            TopicArn=self.topic, AttributeName="SignatureVersion", AttributeValue="2"
        )
        self.wait_for_posts(self.publish())
        documents = [json.loads(request["body"]) for request in hook.requests]
        self.assertEqual([fields["SignatureVersion"] for fields in documents], ["1", "2"])
        for fields in documents:
            check_signature(fields)

    def test_what_fails_holds_up_nothing(self):
        self.start_sns(retry_pause=0.001)
        hook = self.run_webhook()
        self.subscribe(hook)
        with mock.patch.object(posting, "_exchange", side_effect=LookupError):
            first = self.publish("first")
            self.wait_for_posts(first)
        self.assertIn("LookupError", first.posts[0].attempts[0].error)
        self.wait_for_posts(self.publish("second"))
        self.assertEqual(json.loads(hook.requests[0]["body"])["Message"], "second")

    def test_nothing_is_kept_of_what_was_published(self):
        self.publish()
        backend = sns_backends[ACCOUNT][REGION]
        self.assertEqual(backend.topics[self.topic].sent_notifications, [])

    def test_raw_message_delivery(self):
        hook = self.run_webhook()
        self.subscribe(hook, RawMessageDelivery="true")
        self.wait_for_posts(self.publish('{"eventType": "Send"}'))
        [request] = hook.requests
        self.assertEqual(request["body"], b'{"eventType": "Send"}')
        self.assertEqual(request["HTTP_X_AMZ_SNS_RAWDELIVERY"], "true")
        self.assertEqual(request["HTTP_X_AMZ_SNS_TOPIC_ARN"], self.topic)

    def test_every_subscriber_gets_the_same_message_id(self):
        sqs = self.amazon.client("sqs")
        queue = sqs.create_queue(QueueName=self.topic.rpartition(":")[2])["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        self.api.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        hooks = [self.run_webhook(), self.run_webhook()]
        for hook in hooks:
            self.subscribe(hook)
        id = self.api.publish(TopicArn=self.topic, Message="Hello", Subject="S")["MessageId"]
        wait_until(lambda: all(hook.requests for hook in hooks))
        [queued] = sqs.receive_message(QueueUrl=queue)["Messages"]
        bodies = [queued["Body"], *(hook.requests[0]["body"] for hook in hooks)]
        for fields in map(json.loads, bodies):
            self.assertEqual((fields["MessageId"], fields["Message"]), (id, "Hello"))
            check_signature(fields)

    def test_subscribers_of_other_topics_get_nothing(self):
        hook, sqs = self.run_webhook(), self.amazon.client("sqs")
        self.subscribe(hook)
        queue = sqs.create_queue(QueueName=self.topic.rpartition(":")[2])["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        self.api.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        self.topic = self.amazon.create_topic()
        self.assertEqual(self.publish().posts, [])
        self.assertNotIn("Messages", sqs.receive_message(QueueUrl=queue))

    def test_a_queue_that_is_gone_does_not_keep_the_others_waiting(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        arn = "arn:aws:sqs:us-east-1:123456789012:gone"
        self.api.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        with self.assertLogs("anymail.sandbox.aws.sns.subscription", logging.WARNING):
            self.wait_for_posts(self.publish())
        self.assertEqual(len(hook.requests), 1)

    def test_message_attributes_and_texts_for_a_protocol(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        self.api.publish(
            TopicArn=self.topic,
            Message=json.dumps({"default": "for all", "http": "for webhooks"}),
            MessageStructure="json",
            MessageAttributes={"n": {"DataType": "String", "StringValue": "v"}},
        )
        wait_until(lambda: hook.requests)
        fields = json.loads(hook.requests[0]["body"])
        check_signature(fields)
        self.assertEqual(fields["Message"], "for webhooks")
        self.assertEqual(fields["MessageAttributes"], {"n": {"Type": "String", "Value": "v"}})

    def test_nobody_gets_anything_before_it_confirmed(self):
        hook = self.run_webhook()
        self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=hook.url)
        wait_until(lambda: hook.requests)
        self.assertEqual(self.publish().posts, [])

    def test_the_journal_tells_the_url_without_the_credentials(self):
        hook = self.run_webhook()
        self.subscribe(hook, user="u:p@")
        [post] = self.publish().posts
        self.assertEqual(post.url, f"{hook.url}/hook/")
        self.assertEqual(post.topic_arn, self.topic)


class RetryTests(SnsTestCase):
    """What SNS makes of an answer."""

    def outcome(self, *answers: Any, user: str = "") -> tuple[str, list[int | None]]:
        """The state, and what the webhook answered to each attempt."""
        self.topic = self.amazon.create_topic()
        hook = self.run_webhook()
        self.subscribe(hook, user=user)
        hook.answers[:] = answers
        event = self.publish()
        self.wait_for_posts(event)
        self.hook = hook
        self.post = event.posts[0]
        return self.post.state, [attempt.status for attempt in self.post.attempts]

    def test_success(self):
        for status in (200, 204):
            with self.subTest(status=status):
                self.assertEqual(self.outcome(status), ("delivered", [status]))

    def test_server_errors_and_too_many_requests_are_repeated(self):
        for status in (500, 503, 429):
            with self.subTest(status=status):
                self.assertEqual(self.outcome(status), ("delivered", [status, 200]))

    def test_a_repeated_message_is_the_same(self):
        self.outcome(500, 500)
        bodies = {request["body"] for request in self.hook.requests}
        self.assertEqual((len(self.hook.requests), len(bodies)), (3, 1))

    def test_six_times_at_most(self):
        self.sns.retry_pause = 0.005
        self.assertEqual(self.outcome(*[500] * 9), ("failed", [500] * 7))

    def test_the_pauses_grow_and_together_are_as_long_as_amazons(self):
        with delays() as pauses:
            self.sns.retry_pause = 0.01
            self.outcome(*[500] * 4)
        self.assertEqual(pauses, [0.01, 0.02, 0.04, 0.08])
        times = [request["at"] for request in self.hook.requests]
        self.assertGreater(times[4] - times[3], 0.079)
        self.assertEqual(sum(subscription.PAUSES), 3 * 20)

    def test_other_client_errors_and_redirects_are_final(self):
        elsewhere = self.run_webhook()
        for answer in (400, 403, 404, (302, {"Location": elsewhere.url}), (308, {})):
            with self.subTest(answer=answer):
                status = answer if isinstance(answer, int) else answer[0]
                self.assertEqual(self.outcome(answer), ("failed", [status]))
        self.assertEqual(elsewhere.requests, [])

    def test_credentials_are_shown_when_they_are_asked_for(self):
        self.assertEqual(self.outcome(CHALLENGE, user="u%40x:p%3A%C3%A4%2F@"), ("delivered", [200]))
        first, second = self.hook.requests
        self.assertNotIn("HTTP_AUTHORIZATION", first)
        scheme, _, credentials = second["HTTP_AUTHORIZATION"].partition(" ")
        self.assertEqual(scheme, "Basic")
        self.assertEqual(base64.b64decode(credentials).decode(), "u@x:p:ä/")
        self.assertEqual(first["body"], second["body"])
        self.assertTrue(self.post.attempts[0].challenged)

    def test_they_are_asked_for_every_time(self):
        self.assertEqual(self.outcome(CHALLENGE, 500, CHALLENGE, user="u:p@")[1], [500, 200])
        self.assertEqual(len(self.hook.requests), 4)

    def test_wrong_credentials_are_final(self):
        self.assertEqual(self.outcome(CHALLENGE, CHALLENGE, user="u:p@"), ("failed", [401]))
        self.assertEqual(self.outcome(CHALLENGE, 403, user="u:p@"), ("failed", [403]))

    def test_without_credentials_or_challenge_401_is_final(self):
        self.assertEqual(self.outcome(CHALLENGE), ("failed", [401]))
        self.assertEqual(self.outcome(401, user="u:p@"), ("failed", [401]))
        self.assertFalse(self.post.attempts[0].challenged)
        self.assertEqual(len(self.hook.requests), 1)

    def test_nobody_listens(self):
        self.sns.retry_pause = 0.005
        with reserved_port() as port:
            url = f"http://127.0.0.1:{port}/"
            self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url)
            self.confirm_all()
            event = self.publish()
            self.wait_for_posts(event)
        [post] = event.posts
        self.assertEqual((post.state, len(post.attempts)), ("failed", 7))
        self.assertEqual(post.attempts[0].status, None)
        self.assertEqual(post.attempts[0].error, "Nothing listens there.")


class SlowWebhookTests(SnsTestCase):
    """Webhooks that take their time."""

    def test_no_answer_in_time_is_repeated(self):
        release = threading.Event()
        self.addCleanup(release.set)
        hook = self.run_webhook()
        self.subscribe(hook)
        hook.before = lambda number: number == 1 and release.wait(PATIENCE)
        self.sns.timeout = 2.0
        event = self.publish()
        self.wait_for_posts(event)
        first, *_others, last = event.posts[0].attempts
        self.assertEqual((first.status, first.error), (None, "No answer within 2 seconds."))
        self.assertEqual(last.status, 200)

    def test_an_answer_that_dribbles_is_none(self):
        def dribble(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Length", "1000")])
            for _ in range(1000):
                time.sleep(0.1)
                yield b"x"

        url = self.stack.enter_context(serve(dribble, "127.0.0.1", 0))
        started = time.monotonic()
        attempt = post_to_webhook(url, {}, b"", timeout=0.5)
        self.assertEqual(attempt.error, "No answer within 0.5 seconds.")
        self.assertLess(time.monotonic() - started, 60)

    def test_messages_come_in_their_order(self):
        hook = self.run_webhook(before=lambda number: time.sleep(0.05))
        self.subscribe(hook)
        self.wait_for_posts(*[self.publish(f"{number}") for number in range(8)])
        messages = [json.loads(request["body"])["Message"] for request in hook.requests]
        self.assertEqual(messages, [f"{number}" for number in range(8)])

    def test_what_is_repeated_does_not_hold_up_the_others(self):
        both = threading.Event()
        hook = self.run_webhook()
        self.subscribe(hook)
        hook.answers[:] = [500]
        hook.before = lambda number: both.wait(PATIENCE)
        events = self.publish("1"), self.publish("2")
        both.set()
        self.wait_for_posts(*events)
        messages = [json.loads(request["body"])["Message"] for request in hook.requests]
        self.assertEqual(messages, ["1", "2", "1"])

    def test_for_a_webhook_that_hangs_so_many_wait(self):
        release = threading.Event()
        hook = self.run_webhook()
        with mock.patch.object(subscription, "MAX_WAITING", 2):
            self.subscribe(hook)
        self.addCleanup(release.set)
        hook.before = lambda number: release.wait(PATIENCE)
        first = self.publish("1")
        wait_until(lambda: hook.requests)
        *kept, dropped = [self.publish(f"{number}") for number in range(2, 5)]
        self.assertEqual([post.state for post in dropped.posts], ["failed"])
        self.assertIn("Dropped", dropped.posts[0].attempts[0].error or "")
        release.set()
        self.wait_for_posts(first, *kept)
        messages = [json.loads(request["body"])["Message"] for request in hook.requests]
        self.assertEqual(messages, ["1", "2", "3"])

    def test_a_slow_webhook_does_not_hold_up_another(self):
        slow, fast = self.run_webhook(), self.run_webhook()
        self.subscribe(slow)
        self.subscribe(fast)
        release = threading.Event()
        slow.before = lambda number: release.wait(2 * PATIENCE)
        event = self.publish()
        wait_until(lambda: slow.requests and fast.requests)
        self.assertEqual(event.posts[0].attempts, [])
        release.set()
        self.wait_for_posts(event)


class CloseTests(SnsTestCase):
    """The end."""

    def test_it_ends_at_once_whatever_is_going_on(self):
        self.start_sns(timeout=2 * PATIENCE)
        release = threading.Event()
        self.addCleanup(release.set)
        hook, refusing = self.run_webhook(), self.run_webhook()
        self.subscribe(hook)
        self.subscribe(refusing)
        hook.before = lambda number: release.wait(2 * PATIENCE)
        refusing.answers[:] = [500] * 9
        self.sns.retry_pause = 3
        self.sns.subscribe(self.topic, "http://127.0.0.1:9/")
        event = self.publish()
        wait_until(lambda: hook.requests and any(post.attempts for post in event.posts))
        started = time.monotonic()
        self.sns.close()
        self.assertLess(time.monotonic() - started, PATIENCE)
        release.set()
        wait_until(lambda: not sns_threads())
        self.assertEqual(
            sorted(len(post.attempts) for post in event.posts), [0, 1], "no attempt of the closing"
        )

    def test_later_nothing_is_posted(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        self.sns.close()
        self.publish()
        time.sleep(0.1)
        self.assertEqual(hook.requests, [])

    def test_a_thread_ends_with_its_subscription(self):
        arn = self.subscribe(self.run_webhook())
        self.assertEqual(len(sns_threads()), 1)
        self.api.unsubscribe(SubscriptionArn=arn)
        wait_until(lambda: not sns_threads())


@contextmanager
def delays() -> Iterator[list[float]]:
    """The delays of everything that is scheduled."""
    found: list[float] = []
    add_for_real = Schedule.add

    def add(schedule: Schedule, delay: float, run: Any) -> None:
        found.append(delay)
        add_for_real(schedule, delay, run)

    with mock.patch.object(Schedule, "add", add):
        yield found


def sns_threads() -> list[threading.Thread]:
    """Those that post."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("sns")]


class SubscriptionTests(SnsTestCase):
    """The API's operations for webhooks, called with boto3."""

    def test_a_new_subscription_is_pending(self):
        hook = self.run_webhook()
        answer = self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=hook.url)
        attributes = self.api.get_subscription_attributes(**only_arn(answer))["Attributes"]
        self.assertEqual(attributes["PendingConfirmation"], "true")
        [listed] = self.api.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]
        self.assertEqual(
            listed,
            {
                "SubscriptionArn": "PendingConfirmation",
                "Owner": "123456789012",
                "Protocol": "http",
                "Endpoint": hook.url,
                "TopicArn": self.topic,
            },
        )
        self.assertFalse(self.is_confirmed(hook.url))

    def test_a_confirmed_one(self):
        hook = self.run_webhook()
        arn = self.subscribe(hook)
        attributes = self.api.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        self.assertEqual(attributes["PendingConfirmation"], "false")
        [listed] = self.api.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]
        self.assertEqual(listed["SubscriptionArn"], arn)
        self.assertTrue(self.is_confirmed(f"{hook.url}/hook/"))

    def test_subscribing_again_gives_the_same_one_and_posts_nothing(self):
        hook = self.run_webhook()
        arn = self.subscribe(hook)
        answer = self.api.subscribe(
            TopicArn=self.topic, Protocol="http", Endpoint=f"{hook.url}/hook/"
        )
        self.assertEqual(answer["SubscriptionArn"], arn)
        time.sleep(0.1)
        self.assertEqual(hook.requests, [])

    def test_only_the_token_confirms(self):
        hook, topic = self.run_webhook(), self.amazon.create_topic()
        self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=hook.url)
        wait_until(lambda: hook.requests)
        token = json.loads(hook.requests[0]["body"])["Token"]
        confirm = self.api.confirm_subscription
        wrong = "0" * len(token)
        self.assert_refused("InvalidParameter", confirm, TopicArn=self.topic, Token=wrong)
        self.assert_refused("InvalidParameter", confirm, TopicArn=topic, Token=token)
        self.assertFalse(self.is_confirmed(hook.url))
        answer = confirm(TopicArn=self.topic, Token=token, AuthenticateOnUnsubscribe="true")
        self.assertTrue(self.is_confirmed(hook.url))
        self.assertEqual(
            confirm(TopicArn=self.topic, Token=token)["SubscriptionArn"], answer["SubscriptionArn"]
        )

    def test_a_topic_is_in_its_region_only(self):
        elsewhere = self.topic.replace("us-east-1", "eu-west-1")
        self.assert_refused("NotFound", self.api.publish, TopicArn=elsewhere, Message="x")
        for arn in ("x", f"{self.topic}.fifo", f"{self.topic}:endpoint/x"):
            self.assert_refused("NotFound", self.api.publish, TopicArn=arn, Message="x")

    def test_a_topic_that_does_not_exist(self):
        gone = f"{self.topic}-gone"
        subscribe, url = self.api.subscribe, "http://127.0.0.1/"
        self.assert_refused("NotFound", subscribe, TopicArn=gone, Protocol="http", Endpoint=url)
        self.assert_refused("NotFound", self.api.publish, TopicArn=gone, Message="x")
        self.assert_refused("NotFound", self.api.list_subscriptions_by_topic, TopicArn=gone)
        self.assert_refused("NotFound", self.api.confirm_subscription, TopicArn=gone, Token="x")
        with self.assertRaises(ApiError):
            self.sns.publish(gone, "x")
        with self.assertRaises(ApiError):
            self.sns.subscribe(gone, url)

    def test_unsubscribing_ends_everything(self):
        hook = self.run_webhook()
        arn = self.subscribe(hook)
        self.api.unsubscribe(SubscriptionArn=arn)
        self.assertEqual(self.publish().posts, [])
        self.assert_refused("NotFound", self.api.get_subscription_attributes, SubscriptionArn=arn)

    def test_subscriptions_end_with_their_topic(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        self.api.delete_topic(TopicArn=self.topic)
        self.assertEqual(self.sns.webhooks(), [])
        self.assert_refused("NotFound", self.api.publish, TopicArn=self.topic, Message="x")

    def test_lists_have_webhooks_and_queues(self):
        arn, url = "arn:aws:sqs:us-east-1:123456789012:any", "http://127.0.0.1:9/"
        self.api.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url)
        for found in (
            self.api.list_subscriptions_by_topic(TopicArn=self.topic),
            self.api.list_subscriptions(),
        ):
            endpoints = [one["Endpoint"] for one in found["Subscriptions"]]
            self.assertEqual(endpoints, [arn, url])

    def test_raw_message_delivery_is_set_later(self):
        hook = self.run_webhook()
        arn = self.subscribe(hook)
        self.api.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
        )
        attributes = self.api.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        self.assertEqual(attributes["RawMessageDelivery"], "true")
        self.wait_for_posts(self.publish("x"))
        self.assertEqual(hook.requests[0]["body"], b"x")

    def test_a_filter_policy_chooses_messages(self):
        hook = self.run_webhook()
        self.subscribe(hook, FilterPolicy='{"kind": ["bounce"]}')
        for kind in ("delivery", "bounce"):
            attributes = {"kind": {"DataType": "String", "StringValue": kind}}
            self.api.publish(TopicArn=self.topic, Message=kind, MessageAttributes=attributes)
        wait_until(lambda: hook.requests)
        [request] = hook.requests
        self.assertEqual(json.loads(request["body"])["Message"], "bounce")

    def test_only_urls_of_this_machine_are_posted_to(self):
        for url in (
            "http://192.0.2.1/",
            "http://example.com/",
            "http://0.0.0.0/",
            "http://[2001:db8::1]/",
            "http://127.0.0.1@192.0.2.1/",
            "http://192.0.2.1\\@127.0.0.1:80#@192.0.2.1/",
            "http://169.254.169.254/latest/",
            "http:///path",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/\r\nX: y",
            "http://127.0.0.1/ü",
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "127.0.0.1",
            "http://[::1",
        ):
            with self.subTest(url=url):
                params = {"TopicArn": self.topic, "Protocol": "http", "Endpoint": url}
                self.assert_refused("InvalidParameter", self.api.subscribe, **params)
        self.assertEqual(self.sns.webhooks(), [])
        for url in ("http://localhost:9/", "http://[::1]:9/x?y", "http://u:p@127.0.0.2:9"):
            with self.subTest(url=url):
                self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url)

    def test_there_are_so_many_webhooks(self):
        params = {"TopicArn": self.topic, "Protocol": "http"}
        with mock.patch.object(local_sns, "MAX_WEBHOOKS", 2):
            for port in (1, 2):
                self.api.subscribe(Endpoint=f"http://127.0.0.1:{port}/", **params)
            url = "http://127.0.0.1:3/"
            self.assert_refused("InvalidParameter", self.api.subscribe, Endpoint=url, **params)
        self.assertEqual(len(self.sns.webhooks()), 2)

    def test_the_refusal_says_what_to_do(self):
        url = "http://192.0.2.1/"
        with self.assertRaisesMessage(ApiError, "add --allow-remote"):
            self.sns.subscribe(self.topic, url)

    def test_other_machines_are_allowed_when_somebody_said_so(self):
        self.start_sns(allow_remote=True)
        self.sns.subscribe(self.topic, "http://192.0.2.1:9/")
        self.assertEqual(len(self.sns.webhooks()), 1)


def only_arn(answer: dict[str, Any]) -> dict[str, str]:
    """The subscription's ARN in an answer."""
    return {"SubscriptionArn": answer["SubscriptionArn"]}


class PublishTests(SnsTestCase):
    """What may be published, and to whom subscribed."""

    def test_messages_that_are_too_long(self):
        for message in ("x" * 262_145, "ü" * 140_000):
            text = self.assert_refused(
                "InvalidParameter", self.api.publish, TopicArn=self.topic, Message=message
            )
            self.assertEqual(text, "Invalid parameter: Message too long")
        self.api.publish(TopicArn=self.topic, Message="x" * 262_144)

    def test_each_entry_of_a_batch_by_itself(self):
        hook = self.run_webhook()
        self.subscribe(hook)
        answer = self.api.publish_batch(
            TopicArn=self.topic,
            PublishBatchRequestEntries=[
                {"Id": "good", "Message": "x"},
                {"Id": "bad", "Message": "x" * 262_145},
            ],
        )
        wait_until(lambda: hook.requests)
        fields = json.loads(hook.requests[0]["body"])
        check_signature(fields)
        [published] = answer["Successful"]
        self.assertEqual((published["Id"], published["MessageId"]), ("good", fields["MessageId"]))
        [failed] = answer["Failed"]
        self.assertEqual((failed["Id"], failed["Code"]), ("bad", "InvalidParameter"))

    def test_phones_functions_and_devices_get_nothing(self):
        for to in ({"PhoneNumber": "+15550100"}, {"TargetArn": f"{self.topic}:endpoint/x"}):
            with self.subTest(to=to):
                self.assert_refused("NotFound", self.api.publish, Message="x", **to)
        for protocol in ("lambda", "firehose", "sms"):
            with self.subTest(protocol=protocol):
                params = {"TopicArn": self.topic, "Protocol": protocol, "Endpoint": "x"}
                self.assert_refused("InvalidParameter", self.api.subscribe, **params)


class WebhookTests(SnsTestCase):
    """Through to the signals of this package's own webhooks, signatures checked."""

    def start(self, **anymail: Any) -> None:
        """Run the project's site and subscribe its webhook."""
        anymail = {"AMAZON_SES_SNS_TOPIC_ARNS": [self.topic], **anymail}
        site = self.stack.enter_context(project(self.amazon.url, KEY.certificates, **anymail))
        self.url = site + TRACKING
        self.sns.subscribe(self.topic, self.url)

    def confirmed(self) -> bool:
        return self.is_confirmed(self.url)

    def publish_bounce(self) -> SesEvent:
        """Publish a bounce, about a mail that the journal has."""
        document = ses_event("bounce", message_id="id-1")
        mail = SentMail(
            id="id-1", operation="", region="", source="", recipients=[], raw=b"", events=[]
        )
        event = SesEvent(kind="Bounce", document=document)
        self.journal.add_sent(mail)
        self.journal.add_event(mail, event)
        subject = "Amazon SES Email Event Notification"
        self.sns.publish(self.topic, json.dumps(document), subject, event)
        return event

    def test_the_view_confirms_and_hears(self):
        self.start()
        wait_until(self.confirmed)
        wait_until(lambda: self.last_attempt(self.url))
        attempt = self.last_attempt(self.url)
        self.assertEqual((attempt.status, attempt.challenged), (200, True))
        with heard(tracking) as events:
            event = self.publish_bounce()
            self.wait_for_posts(event)
        [found] = events
        self.assertEqual((found.event_type, found.message_id), ("bounced", "id-1"))
        self.assertEqual(found.event_id, event.posts[0].sns_id)
        [attempt] = event.posts[0].attempts
        self.assertEqual((attempt.status, attempt.challenged), (200, True))

    def test_both_signature_versions(self):
        for version in ("1", "2"):
            with self.subTest(version=version):
                self.topic = self.amazon.create_topic(SignatureVersion=version)
                self.start()
                wait_until(self.confirmed)
                with heard(tracking) as events:
                    self.wait_for_posts(self.publish_bounce())
                self.assertEqual(len(events), 1)

    def test_the_journal_knows_which_event_became_which_signal(self):
        self.start()
        wait_until(self.confirmed)
        with heard(tracking) as events:
            event = self.publish_bounce()
            self.wait_for_posts(event)
        self.journal.add_signal(events[0])
        self.assertEqual(event.signals, events)

    def test_signatures_of_another_key_are_refused(self):
        forged = SigningKey(KEY.pem)
        forged.private_key = SigningKey.generate().private_key
        self.start_sns(key=forged)
        self.start()
        wait_until(lambda: self.last_attempt(self.url))
        self.assertEqual(self.last_attempt(self.url).status, 400)
        self.assertFalse(self.confirmed())
        self.confirm_all()
        with heard(tracking) as events:
            event = self.publish_bounce()
            self.wait_for_posts(event)
        self.assertEqual((event.posts[0].state, events), ("failed", []))
        self.assertEqual([attempt.status for attempt in event.posts[0].attempts], [400])

    def test_a_receiver_that_fails_is_called_again_with_the_same_event(self):
        self.start()
        wait_until(self.confirmed)
        failures = [True, True]
        with heard(tracking, fail=lambda: bool(failures and failures.pop())) as events:
            event = self.publish_bounce()
            self.wait_for_posts(event)
        self.assertEqual(len({found.event_id for found in events}), 1)
        self.assertEqual([a.status for a in event.posts[0].attempts], [500, 500, 200])
        self.assertEqual(event.posts[0].state, "delivered")

    def test_a_topic_that_is_not_allowed_is_not_confirmed(self):
        self.start(AMAZON_SES_SNS_TOPIC_ARNS=[f"{self.topic}-other"])
        wait_until(lambda: self.last_attempt(self.url))
        self.assertEqual(self.last_attempt(self.url).status, 400)
        self.assertFalse(self.confirmed())

    def test_wrong_credentials_are_refused(self):
        self.start(WEBHOOK_SECRET="sns:other")
        wait_until(lambda: self.last_attempt(self.url))
        self.assertEqual(self.last_attempt(self.url).status, 400)
        self.assertFalse(self.confirmed())


class KeepTryingTests(SnsTestCase):
    """A site that is not there yet, or refuses."""

    def test_a_site_that_is_started_later_confirms(self):
        port = self.stack.enter_context(reserved_port())
        anymail = {"AMAZON_SES_SNS_TOPIC_ARNS": [self.topic]}
        url = f"http://{SECRET}@127.0.0.1:{port}{TRACKING}"
        self.sns.subscribe(self.topic, url)
        wait_until(lambda: self.last_attempt(url))
        self.assertEqual(self.last_attempt(url).status, None)
        time.sleep(0.5)  # much longer than three retries take
        with project(self.amazon.url, KEY.certificates, port=port, **anymail):
            wait_until(lambda: self.is_confirmed(url))
            wait_until(lambda: self.last_attempt(url).succeeded)

    def test_one_that_refuses_is_asked_with_a_new_message(self):
        hook = self.run_webhook(403, 400, 500)
        self.sns.subscribe(self.topic, hook.url)
        wait_until(lambda: len(hook.requests) == 4)
        documents = [json.loads(request["body"]) for request in hook.requests]
        self.assertEqual(len({fields["MessageId"] for fields in documents}), 4)
        self.assertEqual(len({fields["Token"] for fields in documents}), 1)
        time.sleep(0.5)  # it took the last one
        self.assertEqual(len(hook.requests), 4)

    def test_it_is_asked_every_two_seconds(self):
        self.start_sns(retry_pause=0.2)
        hook = self.run_webhook(403, 503, 404)
        self.sns.subscribe(self.topic, hook.url)
        wait_until(lambda: len(hook.requests) == 4)
        times = [request["at"] for request in hook.requests]
        self.assertEqual(subscription.ASK_AGAIN, 2)
        self.assertGreater(min(b - a for a, b in pairwise(times)), 2 * 0.2 - 0.01)

    def test_who_subscribes_it_again_does_not_have_it_asked_more_often(self):
        hook = self.run_webhook(*[403] * 99)
        for _ in range(5):
            self.api.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=hook.url)
        wait_until(lambda: len(hook.requests) >= 5)
        count = len(hook.requests)
        time.sleep(0.5)
        self.assertLess(len(hook.requests) - count, 7)

    def test_nobody_is_asked_after_the_subscription_ended(self):
        hook = self.run_webhook(*[403] * 99)
        self.sns.subscribe(self.topic, hook.url)
        wait_until(lambda: hook.requests)
        [subscription] = self.sns.webhooks()
        self.api.unsubscribe(SubscriptionArn=subscription.arn)
        self.assert_not_asked_again(hook)

    def test_nor_after_the_topic_is_gone(self):
        hook = self.run_webhook(*[403] * 99)
        self.sns.subscribe(self.topic, hook.url)
        wait_until(lambda: hook.requests)
        self.api.delete_topic(TopicArn=self.topic)
        self.assert_not_asked_again(hook)

    def assert_not_asked_again(self, hook: Webhook) -> None:
        time.sleep(0.2)  # for the request that was under way
        count = len(hook.requests)
        time.sleep(0.5)  # twice the pause after the second refusal
        self.assertEqual(len(hook.requests), count)
