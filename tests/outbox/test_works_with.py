"""Whatever sends mail with Django sends it through the outbox."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import timezone as datetime_timezone
from typing import Any
from unittest import mock, skipUnless

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.views import PasswordResetView
from django.core import mail
from django.core.exceptions import SynchronousOnlyOperation
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy

from anymail import outbox
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.backends.test import EmailBackend as TestBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailMessage
from anymail.outbox.models import Entry, Recipient
from anymail.signals import post_send, pre_send, recipients_resolved

from ..backends.test_backends import connected
from ..ses import V2, Sent, accepting, simple_message
from . import OUTBOX, OutboxTestCase, OutboxTransactionTestCase, outbox_backend, use_outbox

MAILERS = django.VERSION >= (6, 1)
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
IN_MEMORY = {"anymail": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
MB = 1 << 20


async def sending_view(request: Any) -> HttpResponse:
    message = simple_message()
    await message.asend()
    return HttpResponse(str(message.outbox_id))


urlpatterns = [
    path("reset/", PasswordResetView.as_view(success_url="/")),
    path("asend/", sending_view),
    path("accounts/", include("django.contrib.auth.urls")),
]


def deliver() -> outbox.Counts:
    return outbox.deliver(until_empty=True, max_seconds=60)


def deliver_to_ses() -> tuple[outbox.Counts, list[dict[str, Any]]]:
    """Deliver, and return what SES was asked, too."""
    sent = Sent()
    with accepting(sent, "sesv2"):
        counts = deliver()
    return counts, sent.calls


@use_outbox()
class DjangoTests(OutboxTestCase):
    def test_send_mail(self):
        sent = mail.send_mail("Hi", "text", None, ["a@example.com"], html_message="<p>html")
        self.assertEqual((sent, len(mail.outbox)), (1, 0))
        self.assertEqual(deliver().sent, 1)
        [message] = mail.outbox
        self.assertEqual(
            (message.subject, message.body, message.to), ("Hi", "text", ["a@example.com"])
        )
        self.assertEqual(message.from_email, "webmaster@example.com")
        self.assertEqual(tuple(message.alternatives[0]), ("<p>html", "text/html"))

    def test_send_mass_mail(self):
        mails = [("Hi", f"text {n}", None, [f"a{n}@example.com"]) for n in range(1_000)]
        mail.send_mass_mail(mails[:1])
        # SQLite takes no more than so many parameters at once.
        queries = 4 if connection.vendor != "sqlite" else None
        with CaptureQueries() as captured:
            self.assertEqual(mail.send_mass_mail(mails), 1_000)
        if queries:
            self.assertEqual(len(captured), queries)
        self.assertTrue(all(query["sql"].startswith("INSERT") for query in captured))
        self.assertEqual((Entry.objects.count(), Recipient.objects.count()), (1_001, 1_001))

    def test_messages_are_consumed_as_they_go(self):
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        body = "x" * 10_000
        messages = (simple_message(body=body) for _ in range(2_000))
        self.assertEqual(outbox_backend().send_messages(messages), 2_000)
        peak = tracemalloc.get_traced_memory()[1]
        self.assertLess(peak, 30 * MB)  # the list of them takes 20 MB more

    def test_a_message_that_is_only_html_and_has_headers(self):  # those of django-allauth
        message = EmailMessage("Hi", "<p>text", None, ["a@example.com"], headers={"X-Shop": "1"})
        message.content_subtype = "html"
        message.send()
        deliver()
        mime = mail.outbox[0].message()
        self.assertEqual((mime.get_content_type(), mime["X-Shop"]), ("text/html", "1"))

    @override_settings(
        ADMINS=["a@example.com"] if django.VERSION >= (6, 0) else [("A", "a@example.com")],
        MANAGERS=["b@example.com"] if django.VERSION >= (6, 0) else [("B", "b@example.com")],
    )
    def test_mail_admins_and_managers(self):
        mail.mail_admins("Hi", "text")
        mail.mail_managers("Hi", "text")
        self.assertEqual(deliver().sent, 2)
        self.assertCountEqual([m.to for m in mail.outbox], [["a@example.com"], ["b@example.com"]])

    @override_settings(ROOT_URLCONF=__name__)
    def test_password_reset(self):
        get_user_model().objects.create_user("ann", "ann@example.com", "secret")
        self.client.post("/reset/", {"email": "ann@example.com"})
        self.assertEqual(self.entry().subject, "Password reset on testserver")
        self.assertEqual(deliver().sent, 1)
        self.assertIn("http://testserver/accounts/reset/", mail.outbox[0].body)

    def test_a_message_can_be_sent_twice(self):
        message = simple_message()
        message.send()
        first = message.outbox_id
        message.send()
        self.assertNotEqual(message.outbox_id, first)
        self.assertEqual(deliver().sent, 2)

    def test_it_can_be_copied_and_pickled_after_that(self):
        message = AnymailMessage("Hi", "text", None, ["a@example.com"])
        message.attach("a.txt", b"a", "text/plain")
        message.send()
        for again in (
            copy.copy(message),
            copy.deepcopy(message),
            pickle.loads(pickle.dumps(message)),
        ):
            self.assertEqual(again.outbox_id, message.outbox_id)
            self.assertEqual(again.anymail_status.status, {"queued"})

    def test_the_status_after_send(self):
        message = EmailMessage("Hi", "text", None, ["a@example.com"], cc=["b@example.com"])
        message.send()
        self.assertEqual(message.outbox_id, self.entry().pk)
        status = message.anymail_status
        self.assertEqual((status.status, status.message_id), ({"queued"}, None))
        self.assertEqual(list(status.recipients), ["a@example.com", "b@example.com"])

    def test_sending_leaves_the_message_as_it_is(self):
        message = simple_message(send_at=timezone.now(), priority=5, idempotency_key="k")
        message.attach("a.txt", "a", "text/plain")
        before = {**vars(message), "attachments": list(message.attachments)}
        message.send()
        new = ("anymail_status", "outbox_id", "connection", "_connection")
        after = {name: value for name, value in vars(message).items() if name not in new}
        self.assertEqual(after, {name: v for name, v in before.items() if name not in new})

    def test_nobody_to_send_to(self):
        self.assertEqual(EmailMessage("Hi", "text").send(), 0)
        self.assertEqual(outbox_backend().send_messages([simple_message(to=[])]), 0)
        self.assertEqual(outbox_backend().send_messages([]), 0)
        self.assertEqual(Entry.objects.count(), 0)

    def test_a_subclass_that_signs_is_stored_as_it_signed(self):
        SignedMessage("Hi", "text", None, ["a@example.com"]).send()
        deliver()
        self.assertIn("X-Signed", mail.outbox[0].message())

    def test_texts_are_in_the_language_of_send(self):
        message = simple_message(subject=gettext_lazy("Monday"), body=gettext_lazy("Yes"))
        with translation.override("de"):
            message.send()
        with translation.override("fr"):
            deliver()
        self.assertEqual((mail.outbox[0].subject, mail.outbox[0].body), ("Montag", "Ja"))

    @skipUnless(not MAILERS, "get_connection() is for Django before 6.1")
    def test_connections(self):
        with mail.get_connection() as backend:
            backend.send_messages([simple_message()])
            EmailMessage("Hi", "text", None, ["a@example.com"], connection=backend).send()
        with mail.get_connection(OUTBOX, fail_silently=True) as backend:
            self.assertEqual(backend.send_messages([simple_message(to=["nobody"])]), 0)
        self.assertEqual(deliver().sent, 2)

    @skipUnless(MAILERS, "MAILERS are for Django from 6.1 on")
    def test_mailers(self):
        other = {
            "other": {"BACKEND": OUTBOX, "OPTIONS": {"mailer": "memory"}},
            "memory": {"BACKEND": LOCMEM},
        }
        with override_settings(MAILERS={**settings.MAILERS, **other}):
            simple_message(idempotency_key="k").send()
            mail.mailers["default"].send_messages([simple_message()])
            mail.send_mail("Other", "text", None, ["a@example.com"], using="other")
            simple_message(subject="Other", idempotency_key="k").send(using="other")
            simple_message(subject="Direct").send(using="ses")
            self.assertEqual([m.subject for m in mail.outbox], ["Direct"])
            names = Entry.objects.order_by("pk").values_list("mailer", flat=True)
            self.assertEqual(list(names), ["ses", "ses", "memory", "memory"])
            self.assertEqual(deliver().sent, 4)
        using = sorted((m.subject, m.sent_using) for m in mail.outbox[1:])
        self.assertEqual(using, [("Other", "memory")] * 2 + [("Subject", "ses")] * 2)


class CaptureQueries:
    """The queries of the default database."""

    def __enter__(self) -> list[dict[str, str]]:
        from django.test.utils import CaptureQueriesContext

        self.context = CaptureQueriesContext(connection)
        self.context.__enter__()
        return self.context  # type: ignore[return-value]

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)


class SignedMessage(EmailMultiAlternatives):
    """Builds its MIME in a way of its own."""

    def message(self, **kwargs: Any) -> Any:
        mime = super().message(**kwargs)
        mime["X-Signed"] = "yes"
        return mime


class AsyncTests(OutboxTransactionTestCase):
    async def test_asend(self):
        with use_outbox():
            message = simple_message()
            self.assertEqual(await message.asend(), 1)
            self.assertTrue(await Entry.objects.filter(pk=message.outbox_id).aexists())
            with self.assertRaises(AnymailInvalidAddress):
                await simple_message(to=["nobody"]).asend()

    @override_settings(ROOT_URLCONF=__name__)
    async def test_asend_in_an_async_view(self):
        with use_outbox():
            response = await self.async_client.get("/asend/")
        stored = await Entry.objects.aget()
        self.assertEqual(response.content.decode(), str(stored.pk))

    async def test_send_in_async_code_says_what_to_do(self):
        with use_outbox(), self.assertRaisesMessage(SynchronousOnlyOperation, "sync_to_async"):
            simple_message().send()

    async def test_asend_shares_the_transaction_of_djangos_thread(self):
        with use_outbox():
            block = transaction.atomic()
            await sync_to_async(block.__enter__)()
            try:
                await simple_message().asend()
                await sync_to_async(transaction.set_rollback)(True)
            finally:
                await sync_to_async(block.__exit__)(None, None, None)
            self.assertEqual(await Entry.objects.acount(), 0)


@use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=1_000)
class ErrorTests(OutboxTestCase):
    def assert_refused(self, error: type[Exception], **kwargs: Any) -> None:
        before, bad, after = simple_message(), simple_message(**kwargs), simple_message()
        with self.assertRaises(error) as raised:
            outbox_backend().send_messages([before, bad, after])
        if isinstance(raised.exception, AnymailAPIError):
            self.assertIs(raised.exception.email_message, bad)
        self.assertEqual(Entry.objects.get().pk, before.outbox_id)
        self.assertIsNone(getattr(bad, "outbox_id", None))
        self.assertEqual(bad.anymail_status.recipients, {})
        messages = [simple_message(), simple_message(**kwargs), simple_message()]
        if error is not ValueError:
            self.assertEqual(outbox_backend(fail_silently=True).send_messages(messages), 2)

    def test_addresses(self):
        self.assert_refused(AnymailInvalidAddress, to=["nobody"])

    def test_headers(self):
        self.assert_refused(ValueError, subject="two\nlines")

    def test_features(self):
        self.assert_refused(AnymailUnsupportedFeature, from_email="a@example.com, b@example.com")

    def test_tenants(self):
        self.assert_refused(AnymailUnsupportedFeature, tenant="not a name")

    def test_size(self):
        big = [("a.bin", bytes(31 * MB), "application/octet-stream")]
        with override_settings(STORAGES=IN_MEMORY):
            self.assert_refused(AnymailUnsupportedFeature, attachments=big)

    def test_priorities(self):
        self.assert_refused(TypeError, priority=1_000)


@use_outbox(SEND_DEFAULTS={"priority": 7, "send_at": date(2100, 1, 1), "tags": ["a"]})
class DefaultsTests(OutboxTestCase):
    def test_send_defaults_schedule(self):
        simple_message().send()
        entry = self.entry()
        self.assertEqual(entry.priority, 7)
        midnight = timezone.make_aware(datetime(2100, 1, 1))
        self.assertEqual(entry.not_before, midnight)
        self.assertEqual(deliver().claimed, 0)

    def test_the_message_wins(self):
        simple_message(send_at=None, priority=-1, tags=None).send()
        self.assertEqual(self.entry().priority, -1)
        self.assertEqual(deliver().sent, 1)
        self.assertNotIn("tags", mail.outbox[0].anymail_test_params)
        self.assertNotIn("send_at", mail.outbox[0].anymail_test_params)

    @use_outbox(f"{__name__}.UrgentBackend")
    def test_those_of_a_subclass_schedule_too(self):
        simple_message().send()
        self.assertEqual(self.entry().priority, 99)


class UrgentBackend(TestBackend):
    """Has defaults of its own."""

    def defaults_for(self, message: EmailMessage) -> Any:
        return {**super().defaults_for(message), "priority": 99}


class TimeTests(OutboxTestCase):
    @use_outbox()
    @override_settings(TIME_ZONE="America/New_York")
    def test_naive_times_are_in_the_time_zone(self):
        simple_message(send_at=datetime(2100, 1, 1, 9), expires_at=datetime(2100, 1, 2, 9)).send()
        utc = datetime(2100, 1, 1, 14, tzinfo=datetime_timezone.utc)
        self.assertEqual(self.entry().not_before, utc)
        self.assertEqual(self.entry().expires_at, utc + timedelta(days=1))

    @use_outbox()
    @override_settings(USE_TZ=False, TIME_ZONE="America/New_York")
    def test_without_time_zones(self):
        simple_message(send_at=datetime(2100, 1, 1, 9)).send()
        self.assertEqual(self.entry().not_before, datetime(2100, 1, 1, 9))
        Entry.objects.all().delete()
        simple_message(send_at=datetime(2100, 1, 1, 14, tzinfo=datetime_timezone.utc)).send()
        self.assertEqual(self.entry().not_before, datetime(2100, 1, 1, 9))
        Entry.objects.all().delete()
        simple_message(expires_at=timezone.now() + timedelta(hours=1)).send()
        self.assertEqual(deliver().sent, 1)


def tenant_of_request(message: EmailMessage) -> str | None:
    return request["tenant"]


request: dict[str, str | None] = {}


@use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=1_000, AMAZON_SES_TENANT=tenant_of_request)
class TenantTests(OutboxTestCase):
    def test_the_tenant_is_that_of_send(self):
        for tenant in ("shop-a", None):
            with mock.patch.dict(request, tenant=tenant):
                simple_message().send()
        with mock.patch.dict(request, clear=True):  # the function fails in the worker
            counts, calls = deliver_to_ses()
        self.assertEqual(counts.sent, 2)
        self.assertEqual({call.get("TenantName") for call in calls}, {"shop-a", None})
        lanes = set(Entry.objects.values_list("lane", flat=True))
        self.assertEqual(lanes, {"example.com", "example.com, tenant shop-a"})


@use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=1_000)
class BatchTests(OutboxTestCase):
    def batch(self, **kwargs: Any) -> AnymailMessage:
        to = [f"a{n}@example.com" for n in range(1_000)]
        data = {address: {"name": f"Name {n}"} for n, address in enumerate(to)}
        return simple_message(to=to, merge_data=data, body="", **kwargs)

    def test_templates(self):
        message = self.batch(template_id="welcome")
        del message.subject, message.body
        message.subject, message.body = "", ""
        message.send()
        self.assertEqual(Recipient.objects.count(), 1_000)
        counts, calls = deliver_to_ses()
        self.assertEqual((counts.sent, len(calls)), (1, 20))
        self.assertEqual(len(calls[0]["BulkEmailEntries"]), 50)
        self.assertEqual(Recipient.objects.exclude(message_id="").count(), 1_000)

    def test_inline_templates(self):
        message = simple_message(
            to=["a@example.com", "b@example.com"],
            subject="Hi {{name}}",
            body="Hello {{name}}",
            esp_extra={"InlineTemplate": True},
            merge_data={"a@example.com": {"name": "A"}, "b@example.com": {"name": "B"}},
        )
        message.send()
        counts, calls = deliver_to_ses()
        self.assertEqual(counts.sent, 1)
        content = calls[0]["DefaultContent"]["Template"]["TemplateContent"]
        self.assertEqual(content["Subject"], "Hi {{name}}")


class HookedBackend(V2Backend):
    """Overrides what docs/extending.rst says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_recipients = 2

    def check_calls(self, message: Any) -> None:
        super().check_calls(message)
        if len(message.recipients) > self.max_recipients:
            raise AnymailRecipientsRefused(f"More than {self.max_recipients} recipients.")

    def build_calls(self, message: Any) -> Any:
        calls = super().build_calls(message)
        return [
            replace(call, params={**call.params, "ConfigurationSetName": "hooked"})
            for call in calls
        ]

    def run(self, call: Any) -> Any:
        return {**super().run(call), "seen": True}

    def parse_response(self, call: Any, response: Any) -> Any:
        assert response["seen"]
        return super().parse_response(call, response)

    def run_pre_send(self, message: Any) -> bool:
        return message.subject != "Skip" and super().run_pre_send(message)


@use_outbox(f"{__name__}.HookedBackend", AMAZON_SES_MAX_SEND_RATE=1_000)
class SubclassTests(OutboxTestCase):
    def test_its_methods_are_called(self):
        simple_message().send()
        counts, [call] = deliver_to_ses()
        self.assertEqual((counts.sent, call["ConfigurationSetName"]), (1, "hooked"))

    def test_what_it_refuses_is_refused_at_send(self):
        with self.assertRaisesMessage(AnymailRecipientsRefused, "More than 2"):
            simple_message(to=[f"a{n}@example.com" for n in range(3)]).send()
        self.assertEqual(Entry.objects.count(), 0)

    def test_what_it_cancels_is_cancelled(self):
        simple_message(subject="Skip").send()
        counts, calls = deliver_to_ses()
        self.assertEqual((counts.cancelled, calls), (1, []))

    def test_signals_come_at_delivery_from_it(self):
        found: list[Any] = []

        def receiver(signal: Any, sender: Any, message: Any, **kwargs: Any) -> None:
            status = kwargs.get("status")
            found.append((signal, sender, message.outbox_id, status and status.message_id))

        message = simple_message()
        with (
            connected(pre_send, receiver),
            connected(recipients_resolved, receiver),
            connected(post_send, receiver),
        ):
            message.send()
            self.assertEqual(found, [])
            deliver_to_ses()
        expected = [(pre_send, None), (recipients_resolved, None), (post_send, "id-1")]
        wanted = [(one, HookedBackend, message.outbox_id, got) for one, got in expected]
        self.assertEqual(found, wanted)

    def test_a_receiver_can_cancel(self):
        def receiver(**kwargs: Any) -> None:
            raise AnymailCancelSend

        simple_message().send()
        with connected(pre_send, receiver):
            counts, calls = deliver_to_ses()
        self.assertEqual((counts.cancelled, calls), (1, []))


@use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=1_000)
@override_settings(STORAGES=IN_MEMORY)
class LargeTests(OutboxTestCase):
    """25 MB, which the message itself has."""

    def test_send_does_not_copy_an_attachment(self):
        message = simple_message()
        message.attach("a.bin", bytes(25 * MB), "application/octet-stream")
        with mock.patch("anymail.outbox.storing.save_parts", return_value=["a"]):
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            message.send()
        self.assertLess(tracemalloc.get_traced_memory()[1], 2 * MB)

    def test_delivery_holds_it_once(self):
        simple_message().send()
        deliver_to_ses()  # boto3 is loaded, which takes as much by itself
        message = simple_message()
        message.attach("a.bin", bytes(25 * MB), "application/octet-stream")
        message.send()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        counts, _ = deliver_to_ses()
        self.assertEqual(counts.sent, 1)
        self.assertLess(tracemalloc.get_traced_memory()[1], 30 * MB)
