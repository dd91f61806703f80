from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core import mail
from django.db import connection
from django.test import SimpleTestCase, override_settings
from django.utils import timezone

from anymail import testing
from anymail.backends import amazon_ses, amazon_sesv2
from anymail.backends.statuses import refusals
from anymail.backends.test import EmailBackend as RecordingBackend
from anymail.conf import FeedbackSettings
from anymail.exceptions import (
    AnymailCancelSend,
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
)
from anymail.feedback.models import Bounce, Complaint, Suppression
from anymail.feedback.recording import record
from anymail.feedback.signals import feedback
from anymail.message import AnymailRecipientStatus, AnymailStatus
from anymail.signals import post_send, pre_send, recipients_resolved

from ..ses import Sent, accepting, send, simple_message
from . import FeedbackTestCase

#: The webhook proves what it gets by its topic.
PROVEN = {"AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC]}
BOTH = override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"], **PROVEN})


def reasons(address: str) -> list[str]:
    entries = Suppression.objects.filter(address=address).order_by("reason")
    return list(entries.values_list("reason", flat=True))


class SettingTests(SimpleTestCase):
    def test_it_is_off_by_default(self) -> None:
        self.assertEqual(FeedbackSettings.load().feedback_suppress, ())

    def test_one_word_or_several(self) -> None:
        for value in ("complaint", ["complaint"], ("complaint",)):
            with override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": value}):
                self.assertEqual(FeedbackSettings.load().feedback_suppress, ("complaint",))

    def test_another_word_is_an_error(self) -> None:
        for value in (["bounce"], True, {"complaint": True}):
            with (
                override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": value}),
                self.assertRaisesMessage(AnymailConfigurationError, "FEEDBACK_SUPPRESS"),
            ):
                FeedbackSettings.load()


class FillTests(FeedbackTestCase):
    """What puts an address on the list."""

    def test_nothing_while_the_setting_is_off(self) -> None:
        self.post("bounce")
        self.post("complaint")
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_hard_bounces_and_complaints(self) -> None:
        self.post("bounce", recipient="Bounce@Example.com")
        self.post("complaint", recipient="complaint@example.com")
        entry = Suppression.objects.get(address="bounce@example.com")
        self.assertEqual(entry.reason, "hard_bounce")
        self.assertEqual(entry.event_id, Bounce.objects.get().sns_messageid)
        self.assertIsNone(entry.expires_at)
        self.assertEqual(reasons("complaint@example.com"), ["complaint"])

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": "complaint", **PROVEN})
    def test_only_what_the_setting_names(self) -> None:
        self.post("bounce")
        self.assertEqual(reasons(testing.DEFAULT_RECIPIENT), [])
        self.post("complaint")
        self.assertEqual(reasons(testing.DEFAULT_RECIPIENT), ["complaint"])

    @BOTH
    def test_no_soft_bounce_and_no_delivery(self) -> None:
        self.post("bounce", bounceType="Transient", bounceSubType="MailboxFull")
        self.post("bounce", bounceType="Undetermined", bounceSubType="Undetermined")
        self.post("delivery")
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_what_ses_suppresses_itself(self) -> None:
        for number, subtype in enumerate(
            ("Suppressed", "OnAccountSuppressionList", "EmailValidationSuppressed")
        ):
            self.post("bounce", bounceSubType=subtype, recipient=f"{number}@example.com")
        self.post("complaint", complaintSubType="OnAccountSuppressionList", recipient="c@x.test")
        self.assertEqual(Suppression.objects.count(), 4)

    @BOTH
    def test_not_who_left_one_contact_list(self) -> None:
        self.post("bounce", bounceSubType="UnsubscribedRecipient")
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_not_who_says_that_it_is_no_spam(self) -> None:
        self.post("complaint", complaintFeedbackType="not-spam")
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_all_recipients_of_a_notification(self) -> None:
        self.post("bounce", recipient=["b@x.test", "a@x.test"])
        self.assertEqual(Suppression.objects.count(), 2)

    @BOTH
    def test_nobody_whom_the_message_was_not_sent_to(self) -> None:
        """The recipient's server writes the report, and may name anybody in it."""
        for kind, name in (("bounce", "bouncedRecipients"), ("complaint", "complainedRecipients")):
            document = testing.ses_event(kind, recipient="mallory@evil.example")
            document[kind][name] = [
                {"emailAddress": "victim@bank.example"},
                {"emailAddress": "Mallory <MALLORY@Evil.Example.>"},
            ]
            self.post(document)
        self.assertEqual(
            set(Suppression.objects.values_list("address", "reason")),
            {("mallory@evil.example", "hard_bounce"), ("mallory@evil.example", "complaint")},
        )
        for model in (Bounce, Complaint):
            stored = dict(model._default_manager.values_list("address_key", "recipient_uncertain"))
            self.assertEqual(stored, {"victim@bank.example": True, "mallory@evil.example": False})

    @BOTH
    def test_neither_another_subaddress_nor_who_gets_it_forwarded(self) -> None:
        for sent_to, named in (
            ("ann+news@x.test", "ann@x.test"),
            ("ann@x.test", "ann+news@x.test"),
            ("ann@x.test", "ann@forwarded.test"),
        ):
            self.post(
                testing.ses_event("bounce", recipient=sent_to)
                | {
                    "bounce": {
                        "bounceType": "Permanent",
                        "bouncedRecipients": [{"emailAddress": named}],
                    }
                }
            )
        self.assertEqual(Bounce.objects.filter(recipient_uncertain=True).count(), 3)
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_a_complaint_that_names_nobody_suppresses_only_a_lone_recipient(self) -> None:
        for recipients in (["a@x.test"], ["b@x.test", "c@x.test"]):
            document = testing.ses_event("complaint", recipient=recipients)
            document["complaint"]["complainedRecipients"] = []
            self.post(document)
        self.assertEqual(Complaint.objects.count(), 3)
        self.assertEqual(list(Suppression.objects.values_list("address", flat=True)), ["a@x.test"])

    @BOTH
    def test_nothing_that_is_not_proven_to_be_ours(self) -> None:
        event = replace(testing.tracking_event("bounced"), is_verified=False)
        with self.assertLogs("anymail.feedback.suppression", "WARNING") as logs:
            [row] = record(event)
        self.assertFalse(Suppression.objects.exists())
        self.assertEqual(Bounce.objects.get(), row)
        self.assertIn("1 recipients of the message", logs.output[0])
        self.assertIn('Set ANYMAIL["WEBHOOK_SECRET"]', logs.output[0])
        self.assertNotIn(row.address, logs.output[0])

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"]})
    def test_an_open_webhook_stores_and_does_not_suppress(self) -> None:
        with self.assertLogs("anymail.feedback.suppression", "WARNING"):
            self.post("complaint")
        self.assertEqual(Complaint.objects.count(), 1)
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_an_address_is_there_once_for_each_reason(self) -> None:
        for kind in ("bounce", "complaint", "bounce", "complaint"):
            self.post(kind)
        self.assertEqual(reasons(testing.DEFAULT_RECIPIENT), ["complaint", "hard_bounce"])

    @BOTH
    def test_an_expired_entry_counts_again(self) -> None:
        past = timezone.now() - timedelta(days=1)
        Suppression.objects.suppress(["a@x.test"], "hard_bounce", expires_at=past, note="old")
        self.post("bounce", recipient="a@x.test")
        entry = Suppression.objects.get()
        self.assertEqual((entry.expires_at, entry.note), (None, ""))

    @BOTH
    def test_an_entry_that_has_not_expired_stays_as_it_is(self) -> None:
        future = timezone.now() + timedelta(days=1)
        Suppression.objects.suppress(["a@x.test"], "hard_bounce", expires_at=future, note="mine")
        self.post("bounce", recipient="a@x.test")
        self.assertEqual(Suppression.objects.get().note, "mine")

    @BOTH
    def test_receivers_of_feedback_see_the_entry_and_may_lift_it(self) -> None:
        lifted: list[int] = []

        def lift(instance: Any, **kwargs: Any) -> None:
            lifted.append(Suppression.objects.lift(instance.address))

        feedback.connect(lift)
        self.addCleanup(feedback.disconnect, lift)
        self.post("bounce")
        self.assertEqual(lifted, [1])
        self.assertFalse(Suppression.objects.exists())

    @BOTH
    def test_a_receiver_that_raises_rolls_the_entry_back(self) -> None:
        def fail(**kwargs: Any) -> None:
            raise RuntimeError("no")

        feedback.connect(fail)
        self.addCleanup(feedback.disconnect, fail)
        with self.assertRaises(RuntimeError):
            self.post("bounce")
        self.assertFalse(Suppression.objects.exists())


class HelperTests(FeedbackTestCase):
    def test_blocked_finds_every_spelling(self) -> None:
        Suppression.objects.suppress(["Ann@Example.com", "b@bücher.example"])
        asked = ["ANN@example.com", "Ann <ann@example.COM>", "b@xn--bcher-kva.example", "c@x.test"]
        with self.assertNumQueries(1):
            blocked = Suppression.objects.blocked(asked)
        self.assertEqual(list(blocked), asked[:3])
        self.assertEqual(blocked["ANN@example.com"].address, "ann@example.com")

    def test_blocked_is_one_query_for_thousands_of_addresses(self) -> None:
        with self.assertNumQueries(1):
            Suppression.objects.blocked([f"{n}@x.test" for n in range(5_000)])

    def test_blocked_without_addresses_asks_nothing(self) -> None:
        with self.assertNumQueries(0):
            self.assertEqual(Suppression.objects.blocked([]), {})

    def test_expired_entries_block_nothing(self) -> None:
        now = timezone.now()
        Suppression.objects.suppress(["a@x.test"], expires_at=now - timedelta(seconds=1))
        Suppression.objects.suppress(["b@x.test"], expires_at=now + timedelta(hours=1))
        self.assertEqual([entry.address for entry in Suppression.objects.active()], ["b@x.test"])
        self.assertEqual(list(Suppression.objects.blocked(["a@x.test", "b@x.test"])), ["b@x.test"])

    def test_lift_removes_every_reason(self) -> None:
        for reason in ("hard_bounce", "complaint", "manual"):
            Suppression.objects.suppress(["a@x.test"], reason)
        self.assertEqual(Suppression.objects.lift("A@X.test"), 3)
        self.assertEqual(Suppression.objects.lift("A@X.test"), 0)

    def test_an_entry_saved_by_hand_is_normalised(self) -> None:
        entry = Suppression.objects.create(address="Ann <Ann@Example.com>")
        self.assertEqual((entry.address, entry.reason), ("ann@example.com", "manual"))
        self.assertEqual(str(entry), "ann@example.com (by hand)")

    def test_suppress_takes_hostile_values(self) -> None:
        hostile = ["a\x00@x.test", "x" * 1_000, "😀@x.test", "\ud800@x.test"]
        Suppression.objects.suppress(hostile, event_id="e" * 999, note="n\x00")
        self.assertEqual(len(Suppression.objects.blocked(hostile)), 4)


@BOTH
class EnforceTests(FeedbackTestCase):
    """Recipients on the list get a status instead of a message."""

    def setUp(self) -> None:
        super().setUp()
        Suppression.objects.suppress(["gone@example.com"], "hard_bounce")
        Suppression.objects.suppress(["angry@example.com"], "complaint")

    def test_the_others_are_sent(self) -> None:
        message = simple_message(
            to=["Gone@example.com", "a@example.com"],
            cc=["Angry <angry@example.com>", "b@example.com"],
            bcc=["ANGRY@EXAMPLE.COM", "c@example.com"],
        )
        for backend in (amazon_ses.EmailBackend, amazon_sesv2.EmailBackend):
            with self.subTest(backend.__module__):
                sent = send(message, backend)
                destinations = sent.params.get("Destinations") or [
                    address for found in sent.params["Destination"].values() for address in found
                ]
                self.assertEqual(
                    sorted(destinations), ["a@example.com", "b@example.com", "c@example.com"]
                )
                statuses = message.anymail_status.recipients
                self.assertEqual(
                    {address: result.status for address, result in statuses.items()},
                    {
                        "Gone@example.com": "rejected",
                        "a@example.com": "queued",
                        "angry@example.com": "rejected",
                        "b@example.com": "queued",
                        "ANGRY@EXAMPLE.COM": "rejected",
                        "c@example.com": "queued",
                    },
                )

    def test_the_status_tells_why(self) -> None:
        message = simple_message(to=["gone@example.com", "a@example.com"])
        send(message)
        result = message.anymail_status.recipients["gone@example.com"]
        self.assertEqual(result.error_code, "Suppressed")
        self.assertEqual(result.error_message, "On the suppression list (hard_bounce).")
        self.assertEqual(result.error_scope, "recipient")

    def test_the_callers_lists_stay_as_they_are(self) -> None:
        lists = [["gone@example.com", "a@example.com"], ["angry@example.com"], ["gone@example.com"]]
        message = simple_message()
        message.to, message.cc, message.bcc = lists
        for backend in (amazon_ses.EmailBackend, amazon_sesv2.EmailBackend, RecordingBackend):
            if backend is RecordingBackend:
                mail.outbox = []
                backend().send_messages([message])
            else:
                send(message, backend)  # type: ignore[arg-type]
            self.assertIs(message.to, lists[0])
            self.assertEqual(
                (message.to, message.cc, message.bcc),
                (
                    ["gone@example.com", "a@example.com"],
                    ["angry@example.com"],
                    ["gone@example.com"],
                ),
            )

    def test_headers_do_not_show_who_gets_nothing(self) -> None:
        message = simple_message(
            to=["gone@example.com", "a@example.com"], cc=["angry@example.com", "b@example.com"]
        )
        mime = send(message).mime
        self.assertEqual((mime["To"], mime["Cc"]), ("a@example.com", "b@example.com"))

    def test_a_message_whose_only_to_is_suppressed_still_goes_to_its_copies(self) -> None:
        message = simple_message(to=["gone@example.com"], bcc=["a@example.com"])
        sent = send(message)
        self.assertEqual(sent.params["Destinations"], ["a@example.com"])
        self.assertEqual(sent.mime["To"], "undisclosed-recipients:;")

    def test_everybody_suppressed_is_refused(self) -> None:
        posted: list[Any] = []

        def receive(**kwargs: Any) -> None:
            posted.append(kwargs["status"])

        post_send.connect(receive)
        self.addCleanup(post_send.disconnect, receive)
        message = simple_message(to=["gone@example.com"], cc=["angry@example.com"])
        sent = Sent()
        with accepting(sent), self.assertRaises(AnymailRecipientsRefused):
            amazon_ses.EmailBackend().send_messages([message])
        self.assertEqual(sent.calls, [])
        self.assertEqual(message.anymail_status.status, {"rejected"})
        self.assertEqual(posted, [message.anymail_status])

    def test_the_error_names_reasons_and_how_many_but_no_address(self) -> None:
        Suppression.objects.suppress(["gone2@example.com"], "hard_bounce")
        results = {
            "x@example.com": AnymailRecipientStatus(None, "invalid"),
            "y@example.com": AnymailRecipientStatus(None, "rejected", "Own", "Not y@example.com!"),
            "z@example.com": AnymailRecipientStatus(None, "rejected", "Own"),
        }

        def refuse(message: Any, **kwargs: Any) -> None:
            message.anymail_status.set_recipient_status(results)

        recipients_resolved.connect(refuse)
        self.addCleanup(recipients_resolved.disconnect, refuse)
        to = ["gone@example.com", "Gone2@example.com", "angry@example.com", *results]
        with accepting(Sent()), self.assertRaises(AnymailRecipientsRefused) as caught:
            amazon_ses.EmailBackend().send_messages([simple_message(to=to)])
        self.assertEqual(
            str(caught.exception),
            "All message recipients were rejected or invalid: 2 on the suppression list "
            "(hard_bounce), 1 on the suppression list (complaint), 1 invalid, "
            "1 not ***@example.com!, 1 rejected (Own).",
        )

    def test_the_error_lists_few_reasons(self) -> None:
        status = AnymailStatus()
        status.set_recipient_status(
            {f"{n}@x.test": AnymailRecipientStatus(None, "rejected", str(n)) for n in range(9)}
        )
        self.assertTrue(refusals(status).endswith("1 rejected (4), 4 for other reasons"))

    def test_everybody_suppressed_is_silent_if_the_settings_or_the_caller_say_so(self) -> None:
        for options in ({"ignore_recipient_status": True}, {"fail_silently": True}):
            message = simple_message(to=["gone@example.com"])
            sent = Sent()
            with accepting(sent):
                backend = amazon_ses.EmailBackend(**options)  # type: ignore[arg-type]
                self.assertEqual(backend.send_messages([message]), 0)
            self.assertEqual(sent.calls, [])
            self.assertEqual(message.anymail_status.status, {"rejected"})

    def test_one_query_for_a_message_with_many_recipients(self) -> None:
        to = [f"{n}@example.com" for n in range(40)]
        with self.assertNumQueries(1):
            send(simple_message(to=[*to, "gone@example.com", "angry@example.com"]))

    def test_no_query_while_the_setting_is_off(self) -> None:
        with override_settings(ANYMAIL={}), self.assertNumQueries(0):
            message = simple_message(to=["gone@example.com"])
            self.assertEqual(send(message).params["Destinations"], ["gone@example.com"])

    def test_only_the_reasons_that_the_setting_names_count_and_what_was_added_by_hand(self) -> None:
        Suppression.objects.suppress(["hand@example.com"])
        to = ["gone@example.com", "angry@example.com", "hand@example.com"]
        with override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["complaint"]}):
            self.assertEqual(
                send(simple_message(to=to)).params["Destinations"], ["gone@example.com"]
            )

    def test_a_lifted_address_gets_mail_again(self) -> None:
        Suppression.objects.lift("gone@example.com")
        message = simple_message(to=["gone@example.com"])
        self.assertEqual(send(message).params["Destinations"], ["gone@example.com"])

    def test_an_internationalized_domain_in_both_forms(self) -> None:
        Suppression.objects.suppress(["x@bücher.example", "x@xn--caf-dma.example"])
        to = ["x@xn--bcher-kva.example", "X@BÜCHER.example", "x@café.example", "a@x.test"]
        self.assertEqual(send(simple_message(to=to)).params["Destinations"], ["a@x.test"])

    def test_addresses_from_send_defaults(self) -> None:
        defaults = {"cc": ["angry@example.com", "b@x.test"], "bcc": ["gone@example.com"]}
        message = simple_message(to=["a@x.test"], template_id="welcome")
        message.subject = message.body = ""
        entry = {"ToAddresses": ["a@x.test"], "CcAddresses": ["b@x.test"]}
        both = {"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"], "SEND_DEFAULTS": defaults}
        with override_settings(ANYMAIL=both):
            [destination] = send(message).params["Destinations"]
        self.assertEqual(destination["Destination"], entry)
        [destination] = send(message, send_defaults=defaults).params["Destinations"]
        self.assertEqual(destination["Destination"], entry)

    def test_addresses_from_send_defaults_in_ordinary_mail(self) -> None:
        message = simple_message(to=["a@x.test"])
        options = {
            "send_defaults": {"bcc": ["gone@example.com"]},
            "ignore_unsupported_features": True,
        }
        self.assertEqual(send(message, **options).params["Destinations"], ["a@x.test"])
        self.assertEqual(message.anymail_status.recipients["gone@example.com"].status, "rejected")

    def test_addresses_that_another_receiver_adds_whenever_it_is_called(self) -> None:
        def add_copy(message: Any, **kwargs: Any) -> None:
            message.bcc = ["gone@example.com"]

        pre_send.connect(add_copy)
        self.addCleanup(pre_send.disconnect, add_copy)
        message = simple_message(to=["a@x.test"])
        self.assertEqual(send(message).params["Destinations"], ["a@x.test"])

    def test_no_query_for_a_message_that_is_cancelled(self) -> None:
        def cancel(**kwargs: Any) -> None:
            raise AnymailCancelSend

        pre_send.connect(cancel)
        self.addCleanup(pre_send.disconnect, cancel)
        with self.assertNumQueries(0):
            send(simple_message(to=["gone@example.com"]))

    def test_several_addresses_in_one_string(self) -> None:
        message = simple_message(to=["a@x.test, Gone <gone@example.com>"])
        self.assertEqual(send(message).params["Destinations"], ["a@x.test"])

    def test_an_invalid_address_is_the_error_that_it_is_without_the_list(self) -> None:
        with self.assertRaises(AnymailInvalidAddress):
            send(simple_message(to=["nobody"]))

    def test_the_same_message_can_be_sent_again_after_lifting(self) -> None:
        message = simple_message(to=["gone@example.com", "a@x.test"])
        send(message)
        Suppression.objects.lift("gone@example.com")
        self.assertEqual(len(send(message).params["Destinations"]), 2)
        self.assertEqual(message.anymail_status.status, {"queued"})

    def test_templates(self) -> None:
        message = simple_message(
            to=["gone@example.com", "a@x.test"],
            cc=["angry@example.com"],
            template_id="welcome",
            merge_data={"gone@example.com": {"n": 1}, "a@x.test": {"n": 2}},
        )
        message.subject = message.body = ""
        params = send(message).params
        self.assertEqual(
            [entry["Destination"] for entry in params["Destinations"]],
            [{"ToAddresses": ["a@x.test"]}],
        )
        self.assertEqual(message.anymail_status.status, {"rejected", "queued"})

    def test_copies_of_a_template_without_any_to_are_not_dropped_silently(self) -> None:
        message = simple_message(to=["gone@example.com"], cc=["a@x.test"], template_id="welcome")
        message.subject = message.body = ""
        with self.assertRaises(AnymailRecipientsRefused):
            send(message)
        self.assertEqual(message.anymail_status.recipients["a@x.test"].error_code, "NoOriginal")

    def test_the_recording_backend_leaves_them_out_too(self) -> None:
        mail.outbox = []
        message = simple_message(to=["gone@example.com", "a@x.test"])
        RecordingBackend().send_messages([message])
        [recorded] = mail.outbox
        params = recorded.anymail_test_params  # type: ignore[attr-defined]
        self.assertEqual([address.addr_spec for address in params["to"]], ["a@x.test"])

    def test_a_database_that_does_not_answer_sends_nothing(self) -> None:
        sent = Sent()

        def refuse(*args: Any) -> Any:
            raise RuntimeError("down")

        with (
            accepting(sent),
            connection.execute_wrapper(refuse),
            self.assertRaises(RuntimeError),
        ):
            amazon_ses.EmailBackend().send_messages([simple_message()])
        self.assertEqual(sent.calls, [])
