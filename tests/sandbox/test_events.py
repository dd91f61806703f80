"""anymail.sandbox.aws: the events of messages, and where they are published."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.tracking import tracking_events
from anymail.sandbox.aws.events import simulator
from anymail.sandbox.aws.events.documents import (
    common_headers,
    describe,
    event_document,
    mail_in_event,
    notification_document,
)
from anymail.sandbox.aws.events.tracked import why_untracked
from anymail.sandbox.aws.headers import parse_headers
from anymail.sandbox.aws.schedule import Schedule
from anymail.sandbox.journal import SentMail

from ..clock import cpu_growth
from ..local_ses import ALL_TYPES, CUSTOMER, RAW, SENDER, LocalSesTestCase, unique
from ..local_sns import wait_until
from ..sns_samples import read_json

AT = datetime(2025, 3, 4, 5, 6, 7, 89_000, tzinfo=timezone.utc)
LATER = AT + timedelta(seconds=1.422)
HTML = (
    b"From: shop@example.com\r\nTo: click@simulator.amazonses.com\r\nContent-Type: text/html\r\n"
    b"\r\n<a name=top><a href='mailto:a@b.c'>x</a><A class=y HREF='https://x.example/?a&amp;b'>y</A>"
)


def address(local: str) -> str:
    return f"{local}@simulator.amazonses.com"


def kinds_of(*recipients: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(found.kind, found.recipients) for found in simulator.events_for(recipients)]


class SimulatorTests(SimpleTestCase):
    """The table of the mailbox simulator."""

    def test_every_address(self):
        for local, kinds in {
            "success": ["Send", "Delivery"],
            "bounce": ["Send", "Bounce"],
            "ooto": ["Send", "Delivery", "Bounce"],
            "complaint": ["Send", "Delivery", "Complaint"],
            "suppressionlist": ["Send", "Bounce"],
            "delay": ["Send", "DeliveryDelay", "Delivery"],
            "open": ["Send", "Delivery", "Open"],
            "click": ["Send", "Delivery", "Click"],
            "reject": ["Reject"],
            "somebody": ["Send", "Delivery"],
        }.items():
            for written in (local, f"{local}+label", local.upper()):
                with self.subTest(written):
                    self.assertEqual([kind for kind, _ in kinds_of(address(written))], kinds)

    def test_everybody_else_gets_the_mail(self):
        for recipient in ("bounce@example.com", "reject@simulator.amazonses.com.example.com"):
            with self.subTest(recipient):
                self.assertEqual([kind for kind, _ in kinds_of(recipient)], ["Send", "Delivery"])

    def test_what_fails_in_the_same_way_is_one_event(self):
        bounced = (address("bounce"), address("bounce+2"))
        self.assertIn(("Bounce", bounced), kinds_of(bounced[0], CUSTOMER, bounced[1]))

    def test_each_mail_host_takes_the_mail_on_its_own(self):
        found = kinds_of("a@example.net", "b@example.org", "c@Example.net")
        self.assertEqual(
            found[1:],
            [("Delivery", ("a@example.net", "c@Example.net")), ("Delivery", ("b@example.org",))],
        )

    def test_each_reader_opens_it_for_himself(self):
        readers = (address("open+1"), address("open+2"))
        self.assertEqual(kinds_of(*readers)[2:], [("Open", readers[:1]), ("Open", readers[1:])])

    def test_one_who_gets_a_virus_is_enough_to_reject_the_whole_message(self):
        recipients = (CUSTOMER, address("reject"))
        self.assertEqual(kinds_of(*recipients), [("Reject", recipients)])

    def test_all_of_it_takes_about_a_second(self):
        for events in simulator.MAILBOXES.values():
            for found in events:
                self.assertLessEqual(found.delay, 1)


def accepted(raw: bytes = RAW, *, recipients: Any = (CUSTOMER,), **fields: Any) -> SentMail:
    """A message that was sent as in the samples."""
    return SentMail(
        id="0100019560000011-00000011-7a10-4c5e-9b1d-0a1b2c3d4e11-000000",
        operation="SendRawEmail",
        region="us-east-1",
        source=SENDER,
        recipients=list(recipients),
        raw=raw,
        headers=parse_headers(raw),
        source_ip="203.0.113.17",
        identity="example.com",
        failure=None if raw else "Attribute 'first_name' is not present in the rendering data.",
        **{
            "configuration_set": "tracking",
            "message_tags": {"app_tag": ["welcome"], "campaign": ["spring-2025"]},
            "at": AT,
            **fields,
        },
    )


def simulated(message: SentMail, kind: str) -> simulator.SimulatedEvent:
    found = simulator.events_for(message.recipients, is_rendered=message.failure is None)
    return next(one for one in found if one.kind == kind)


def event(message: SentMail, kind: str) -> dict[str, Any]:
    return event_document(message, kind, detail(message, kind))


def detail(message: SentMail, kind: str) -> dict[str, Any]:
    return describe(message, simulated(message, kind), LATER)


def keys(value: Any, path: str = "") -> set[str]:
    """The places in a document that hold something."""
    if isinstance(value, dict):
        return {path}.union(*(keys(item, f"{path}.{key}") for key, item in value.items()))
    if isinstance(value, list):
        return {path}.union(*(keys(item, f"{path}[]") for item in value))
    return {path}


SAMPLE_RAW = (
    b'From: "Example Shop" <shop@example.com>\r\nTo: ann@example.net\r\n'
    b"Subject: Your order A-1001\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="===b1==="\r\n'
    b"Message-ID: <orig-4711@app.example.com>\r\nDate: Tue, 04 Mar 2025 05:06:05 -0000\r\n"
    b'X-App-Metadata: {"order": "A-1001"}\r\n\r\n--===b1===--\r\n'
)


class EventDocumentTests(SimpleTestCase):
    """What event publishing says is what Amazon's says."""

    def assert_like_sample(self, name: str, document: dict[str, Any], *, but: str = "") -> None:
        sample = keys(read_json(f"events/{name}.json"))
        differ = {place for place in sample ^ keys(document) if not but or but not in place}
        self.assertEqual(differ, set())

    def test_every_kind_has_what_the_samples_have(self):
        for local, kind, sample, but in (
            ("x", "Send", "p-send", ""),
            ("x", "Delivery", "p-delivery", ""),
            ("bounce", "Bounce", "p-bounce-permanent-general", ""),
            ("suppressionlist", "Bounce", "p-bounce-permanent-suppressed", ""),
            ("ooto", "Bounce", "p-bounce-transient-general-autoreply", ""),
            ("complaint", "Complaint", "p-complaint-abuse", ""),
            ("delay", "DeliveryDelay", "p-deliverydelay-mailboxfull", ".mail.tags"),
            ("open", "Open", "p-open", ""),
            ("click", "Click", "p-click", ".linkTags"),
            ("reject", "Reject", "p-reject", ""),
        ):
            with self.subTest(sample):
                message = accepted(SAMPLE_RAW, recipients=[address(local)])
                self.assert_like_sample(sample, event(message, kind), but=but)

    def test_the_whole_send_event_is_the_sample(self):
        sample = read_json("events/p-send.json")
        document = event(accepted(SAMPLE_RAW), "Send")
        sample["mail"]["messageId"] = document["mail"]["messageId"]
        sample["mail"]["commonHeaders"]["messageId"] = document["mail"]["messageId"]
        sample["mail"]["tags"]["ses:caller-identity"] = ["sandbox"]
        self.assertEqual(document, sample)

    def test_a_rendering_failure_has_no_headers(self):
        document = event(accepted(b"", template="welcome"), "Rendering Failure")
        self.assert_like_sample("p-renderingfailure", document, but=".mail.tags")
        self.assertEqual(
            document["failure"], read_json("events/p-renderingfailure.json")["failure"]
        )

    def test_the_send_event_of_a_template_comes_before_it_is_rendered(self):
        document = event(accepted(SAMPLE_RAW, template="welcome"), "Send")
        self.assert_like_sample("p-send-template-no-headers", document)
        document = event(accepted(SAMPLE_RAW, template="welcome"), "Delivery")
        self.assertEqual(document["mail"]["commonHeaders"]["subject"], "Your order A-1001")

    def test_what_the_simulator_decides(self):
        for local, kind, key, expected in (
            ("bounce", "Bounce", "bounceSubType", "General"),
            ("bounce", "Bounce", "bounceType", "Permanent"),
            ("suppressionlist", "Bounce", "bounceSubType", "Suppressed"),
            ("ooto", "Bounce", "bounceType", "Transient"),
            ("complaint", "Complaint", "complaintFeedbackType", "abuse"),
            ("delay", "DeliveryDelay", "delayType", "MailboxFull"),
            ("reject", "Reject", "reason", "Bad content"),
        ):
            with self.subTest(local=local, key=key):
                document = event(accepted(recipients=[address(local)]), kind)
                self.assertEqual(document[kind[0].lower() + kind[1:]][key], expected)

    def test_an_automatic_reply_is_told_from_a_bounce(self):
        for local, is_autoreply in (("ooto", True), ("bounce", False)):
            document = event(accepted(recipients=[address(local)]), "Bounce")
            notification = SesNotification(id="1", timestamp=AT, body=document)
            [found] = tracking_events(notification)
            self.assertEqual(found.is_autoreply, is_autoreply)

    def test_only_those_it_happened_to_are_named(self):
        message = accepted(recipients=[CUSTOMER, address("bounce"), address("complaint")])
        self.assertEqual(
            [
                found["emailAddress"]
                for found in event(message, "Bounce")["bounce"]["bouncedRecipients"]
            ],
            [address("bounce")],
        )
        self.assertEqual(event(message, "Delivery")["delivery"]["recipients"], [CUSTOMER])
        self.assertEqual(event(message, "Bounce")["mail"]["destination"], message.recipients)

    def test_times(self):
        document = event(accepted(), "Delivery")
        self.assertEqual(document["mail"]["timestamp"], "2025-03-04T05:06:07.089Z")
        self.assertEqual(document["delivery"]["timestamp"], "2025-03-04T05:06:08.511Z")
        self.assertEqual(document["delivery"]["processingTimeMillis"], 1422)
        delay = event(accepted(recipients=[address("delay")]), "DeliveryDelay")
        self.assertEqual(delay["deliveryDelay"]["expirationTime"], "2025-03-04T19:06:07.089Z")

    def test_long_headers_are_cut_and_it_says_so(self):
        raw = RAW.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 10_200 + b"\r\nX-Last: 1\r\n\r\n")
        mail = event(accepted(raw), "Send")["mail"]
        self.assertIs(mail["headersTruncated"], True)
        self.assertEqual([found["name"] for found in mail["headers"]], ["From", "To", "Subject"])

    def test_headers_are_as_written_and_common_headers_decoded(self):
        raw = (
            b"From: =?utf-8?q?Zo=C3=AB?= <a@b.c>\r\nTo: d@e.f,\r\n g@h.i\r\n"
            b"Subject: =?x?q?y?=\r\n\r\n"
        )
        mail = event(accepted(raw), "Send")["mail"]
        self.assertEqual(mail["headers"][1], {"name": "To", "value": "d@e.f,\r\n g@h.i"})
        self.assertEqual(mail["commonHeaders"]["from"], ["Zoë <a@b.c>"])
        self.assertEqual(mail["commonHeaders"]["to"], ["d@e.f", "g@h.i"])
        self.assertEqual(mail["commonHeaders"]["subject"], "=?x?q?y?=")

    def test_each_list_of_common_headers(self):
        headers = [("Cc", "a@b.c"), ("Bcc", "d@e.f"), ("Reply-To", "g@h.i"), ("Sender", "j@k.l")]
        self.assertEqual(
            common_headers(headers, "1"),
            {
                "cc": ["a@b.c"],
                "bcc": ["d@e.f"],
                "replyTo": ["g@h.i"],
                "sender": "j@k.l",
                "messageId": "1",
            },
        )

    def test_without_a_configuration_set_there_is_no_tag_for_it(self):
        mail = mail_in_event(accepted(configuration_set=None), "Send")
        self.assertNotIn("ses:configuration-set", mail["tags"])

    def test_the_first_link_is_clicked(self):
        for raw, link in (
            (HTML, "https://x.example/?a&b"),
            (b"Content-Type: text/html; charset=x-none\r\n\r\n\xff<a href=http://y>", "http://y"),
        ):
            with self.subTest(link):
                message = accepted(raw, recipients=[address("click")])
                self.assertEqual(event(message, "Click")["click"]["link"], link)

    def test_hostile_html_takes_no_more_than_linear_time(self):
        def read(text: str) -> None:
            raw = b"Content-Type: text/html\r\n\r\n<a " + text.encode()
            why_untracked("Click", accepted(raw), is_published=True)

        for piece in ("<a ", '<a href="', "<a href", "href "):
            with self.subTest(piece):
                self.assertLess(cpu_growth(read, piece), 10)

    def test_only_html_is_tracked_and_only_its_links(self):
        attached = HTML.replace(b"\r\n\r\n", b"\r\nContent-Disposition: attachment\r\n\r\n", 1)
        deep = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" * 999
        without_links = HTML.partition(b"<a")[0] + b"<a href=mailto:a@b.c>x</a>"
        for raw, untracked in (
            (HTML, []),
            (without_links, ["Click"]),
            (RAW, ["Open", "Click"]),
            (attached, ["Open", "Click"]),
            (deep, ["Open", "Click"]),
        ):
            with self.subTest(raw[:200]):
                mail, kinds = accepted(raw), ("Open", "Click")
                found = [kind for kind in kinds if why_untracked(kind, mail, is_published=True)]
                self.assertEqual(found, untracked)

    def test_overrides_decide_what_is_tracked_and_destinations_if_there_is_none(self):
        for choice, is_published, tracked in (
            ("ENABLED", True, True),
            ("ENABLED", False, True),
            ("DISABLED", True, False),
            ("DISABLED", False, False),
            (None, True, True),
            (None, False, False),
        ):
            for kind, other in (("Open", "Click"), ("Click", "Open")):
                with self.subTest(choice, is_published=is_published, kind=kind):
                    chosen = {f"{kind}TrackingEnabled": choice} if choice else {}
                    opposite = {f"{other}TrackingEnabled": "DISABLED" if tracked else "ENABLED"}
                    mail = accepted(HTML, parameters={**chosen, **opposite})
                    reason = why_untracked(kind, mail, is_published=is_published)
                    self.assertEqual(reason is None, tracked, reason)

    def test_only_opens_and_clicks_are_tracked(self):
        self.assertIsNone(why_untracked("Send", accepted(b""), is_published=False))


class NotificationDocumentTests(SimpleTestCase):
    """What the topic of an identity gets is what Amazon's gets."""

    def test_every_kind_has_what_the_samples_have(self):
        for local, kind, sample, with_headers in (
            ("x", "Delivery", "n-delivery-headers", True),
            ("bounce", "Bounce", "n-bounce-permanent-general-headers", True),
            ("suppressionlist", "Bounce", "n-bounce-permanent-suppressed", False),
            ("ooto", "Bounce", "n-bounce-transient-general-autoreply", True),
            ("complaint", "Complaint", "n-complaint-abuse-headers", True),
        ):
            with self.subTest(sample):
                message = accepted(SAMPLE_RAW, recipients=[address(local)])
                found = detail(message, kind)
                document = notification_document(message, kind, found, with_headers=with_headers)
                self.assertEqual(keys(document), keys(read_json(f"events/{sample}.json")))
                self.assertEqual(document["notificationType"], kind)

    def test_headers_are_a_wish_and_tags_never_come(self):
        message = accepted(SAMPLE_RAW)
        with_headers, without = (
            notification_document(message, "Delivery", {}, with_headers=wish)["mail"]
            for wish in (True, False)
        )
        self.assertEqual(
            with_headers.keys() - without.keys(), {"headers", "headersTruncated", "commonHeaders"}
        )
        self.assertNotIn("tags", with_headers)
        self.assertEqual(without["sourceIp"], "203.0.113.17")
        self.assertEqual(with_headers["commonHeaders"]["messageId"], "<orig-4711@app.example.com>")


class PublishingTests(LocalSesTestCase):
    """Configuration sets and identities: what is published where."""

    def test_every_simulator_address_reaches_the_topic(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        for local in (*simulator.MAILBOXES, "somebody"):
            with self.subTest(local):
                kinds = [kind for kind, _ in kinds_of(address(local))]
                message_id = self.send_raw(
                    HTML, Destinations=[address(local)], ConfigurationSetName=name
                )
                mail = self.amazon.wait_for(message_id, *kinds)
                documents = topic.documents()
                self.assertEqual([found["eventType"] for found in documents], kinds)
                self.assertEqual({found["mail"]["messageId"] for found in documents}, {mail.id})
                self.assertEqual([one.document for one in mail.events], documents)
                self.assertEqual({tuple(one.topic_arns) for one in mail.events}, {(topic.arn,)})

    def test_what_ses_cannot_track_is_noted_once_and_does_not_happen(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        readers = [address("open+1"), address("open+2"), address("click")]
        message_id = self.send_raw(Destinations=readers, ConfigurationSetName=name)
        mail = self.amazon.wait_for(message_id, "Send", "Delivery")
        opened, clicked = mail.notes
        self.assertIn("no Open event: the message has no HTML part", opened)
        self.assertIn("no Click event: the message has no HTML part", clicked)
        marked = self.send_raw(Destinations=[address("complaint")], ConfigurationSetName=name)
        self.amazon.wait_for(marked, "Send", "Delivery", "Complaint")  # the others are over
        self.assertEqual([event.kind for event in mail.events], ["Send", "Delivery"])

    def test_an_open_that_no_destination_has_happens_if_the_message_asks_for_it(self):
        name = self.amazon.configuration_set(self.amazon.topic(), types=["SEND", "DELIVERY"])
        html = {"Html": {"Data": "<p>Hello!"}}
        tracking = {"OpenTrackingEnabled": "ENABLED"}
        for choice, kinds in (
            ({}, []),
            ({"ConfigurationOverrides": {"Tracking": tracking}}, ["Open"]),
        ):
            with self.subTest(choice):
                message_id = self.sesv2.send_email(
                    FromEmailAddress=SENDER,
                    Destination={"ToAddresses": [address("open")]},
                    Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": html}},
                    ConfigurationSetName=name,
                    **choice,
                )["MessageId"]
                mail = self.amazon.wait_for(message_id, "Send", "Delivery", *kinds)
                self.assertEqual(
                    [bool(one.topic_arns) for one in mail.events[2:]], [False] * len(kinds)
                )
                self.assertEqual(mail.parameters, tracking if choice else {})
                self.assertEqual(
                    [kind for kind in mail.notes if "no Open" in kind] == [], bool(choice)
                )

    def test_events_have_a_subject_and_end_in_a_line_break(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic, ["SEND"])
        self.amazon.wait_for(self.send_raw(ConfigurationSetName=name), "Send", "Delivery")
        [envelope] = topic.published()
        self.assertEqual(envelope["Subject"], "Amazon SES Email Event Notification")
        self.assertTrue(envelope["Message"].endswith("}\n"))

    def test_only_what_the_destination_wants_is_published(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic, ["BOUNCE"])
        mail = self.amazon.wait_for(
            self.send_simple(address("bounce"), ConfigurationSetName=name), "Send", "Bounce"
        )
        self.assertEqual([found["eventType"] for found in topic.documents()], ["Bounce"])
        self.assertEqual([one.topic_arns for one in mail.events], [[], [topic.arn]])

    def test_a_destination_made_with_v1(self):
        topic, name = self.amazon.topic(), unique("set")
        self.ses.create_configuration_set(ConfigurationSet={"Name": name})
        for destination, enabled in (("on", True), ("off", False)):
            self.ses.create_configuration_set_event_destination(
                ConfigurationSetName=name,
                EventDestination={
                    "Name": destination,
                    "Enabled": enabled,
                    "MatchingEventTypes": ["renderingFailure"],
                    "SNSDestination": {"TopicARN": topic.arn},
                },
            )
        found = self.sesv2.get_configuration_set_event_destinations(ConfigurationSetName=name)
        self.assertEqual(
            found["EventDestinations"][1],
            {
                "Name": "off",
                "Enabled": False,
                "MatchingEventTypes": ["RENDERING_FAILURE"],
                "SnsDestination": {"TopicArn": topic.arn},
            },
        )
        topic.published()
        template = self.create_template()
        message_id = self.ses.send_templated_email(
            Source=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Template=template,
            TemplateData="{}",
            ConfigurationSetName=name,
        )["MessageId"]
        self.amazon.wait_for(message_id, "Rendering Failure")
        [document] = topic.documents()  # not two: the other destination is off
        self.assertEqual(document["failure"]["templateName"], template)

    def test_setting_up_a_destination_publishes_a_text(self):
        topic, name = self.amazon.topic(), self.amazon.configuration_set()
        definition = {
            "Enabled": True,
            "MatchingEventTypes": ALL_TYPES,
            "SnsDestination": {"TopicArn": topic.arn},
        }
        for call in (
            self.sesv2.create_configuration_set_event_destination,
            self.sesv2.update_configuration_set_event_destination,
        ):
            call(
                ConfigurationSetName=name,
                EventDestinationName="sns",
                EventDestination=definition,
            )
            [envelope] = topic.published()
            self.assertEqual(
                envelope["Message"],
                "Successfully validated SNS topic for Amazon SES event publishing.",
            )

    def test_several_destinations_get_the_same(self):
        first, second = self.amazon.topic(), self.amazon.topic()
        name = self.amazon.configuration_set(first, ["SEND"])
        self.sesv2.create_configuration_set_event_destination(
            ConfigurationSetName=name,
            EventDestinationName="other",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": ["SEND"],
                "SnsDestination": {"TopicArn": second.arn},
            },
        )
        second.published()
        mail = self.amazon.wait_for(self.send_raw(ConfigurationSetName=name), "Send", "Delivery")
        self.assertEqual(first.documents(), second.documents())
        self.assertEqual(mail.events[0].topic_arns, [first.arn, second.arn])

    def test_a_topic_that_is_gone_does_not_stop_what_happens(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        self.amazon.client("sns").delete_topic(TopicArn=topic.arn)
        mail = self.amazon.wait_for(self.send_raw(ConfigurationSetName=name), "Send", "Delivery")
        wait_until(lambda: len(mail.notes) == 2)
        self.assertEqual(mail.events[0].topic_arns, [])
        self.assertIn(f"Its Send event is not published to {topic.arn}", mail.notes[0])

    def identity_with_topic(self, kind: str) -> tuple[str, Any]:
        domain, topic = f"{unique('shop')}.example", self.amazon.topic()
        self.ses.verify_domain_identity(Domain=domain)
        self.ses.set_identity_notification_topic(
            Identity=domain, NotificationType=kind, SnsTopic=topic.arn
        )
        return domain, topic

    def send_from(self, domain: str, *kinds: str, to: str = CUSTOMER, **params: Any) -> SentMail:
        message_id = self.send_raw(
            RAW.replace(b"shop@example.com", f"Shop <shop@{domain}>".encode()),
            Destinations=[to],
            **params,
        )
        return self.amazon.wait_for(message_id, *kinds)

    def test_setting_the_topic_of_an_identity_publishes_a_document(self):
        domain, topic = self.identity_with_topic("Bounce")
        self.assertEqual(
            topic.documents(),
            [
                {
                    "notificationType": "AmazonSnsSubscriptionSucceeded",
                    "message": f"You have successfully subscribed your Amazon SNS topic "
                    f"'{topic.arn}' to receive 'Bounce' notifications from Amazon SES for identity "
                    f"'{domain}'.",
                }
            ],
        )

    def test_an_identity_gets_what_it_asked_for(self):
        domain, topic = self.identity_with_topic("Delivery")
        topic.published()
        self.send_from(domain, "Send", "Delivery")
        [document] = topic.documents()
        self.assertEqual(document["notificationType"], "Delivery")
        self.assertEqual(document["mail"]["source"], f"shop@{domain}")
        self.assertNotIn("headers", document["mail"])
        self.send_from(f"sub.{domain}", "Send", "Delivery")
        self.send_from(domain, "Send", "Bounce", to=address("bounce"))
        self.assertEqual([found["notificationType"] for found in topic.documents()], ["Delivery"])

    def test_the_settings_of_an_address_come_before_those_of_its_domain(self):
        domain, of_domain = self.identity_with_topic("Delivery")
        of_address = self.amazon.topic()
        self.ses.verify_email_identity(EmailAddress=f"shop@{domain}")
        of_domain.published()
        self.send_from(domain, "Send", "Delivery")
        self.assertEqual(of_domain.documents(), [])
        self.ses.set_identity_notification_topic(
            Identity=f"shop@{domain}", NotificationType="Delivery", SnsTopic=of_address.arn
        )
        of_address.published()
        self.send_from(domain, "Send", "Delivery")
        self.assertEqual((len(of_domain.documents()), len(of_address.documents())), (0, 1))

    def test_headers_in_notifications_can_be_switched_on(self):
        domain, topic = self.identity_with_topic("Delivery")
        self.ses.set_identity_headers_in_notifications_enabled(
            Identity=domain, NotificationType="Delivery", Enabled=True
        )
        topic.published()
        self.send_from(domain, "Send", "Delivery")
        [document] = topic.documents()
        self.assertEqual(document["mail"]["commonHeaders"]["subject"], "Hello")

    def test_attributes_of_identities(self):
        domain, topic = self.identity_with_topic("Bounce")
        self.ses.set_identity_headers_in_notifications_enabled(
            Identity=domain, NotificationType="Bounce", Enabled=True
        )
        found = self.ses.get_identity_notification_attributes(Identities=[domain, "b.example"])
        known, unknown = (found["NotificationAttributes"][name] for name in (domain, "b.example"))
        self.assertEqual(known["BounceTopic"], topic.arn)
        self.assertIs(known["HeadersInBounceNotificationsEnabled"], True)
        self.assertIs(unknown["HeadersInBounceNotificationsEnabled"], False)
        self.assertNotIn("BounceTopic", unknown)

    def test_a_topic_can_be_taken_away(self):
        domain, topic = self.identity_with_topic("Delivery")
        self.ses.set_identity_notification_topic(Identity=domain, NotificationType="Delivery")
        topic.published()
        mail = self.send_from(domain, "Send", "Delivery")
        self.assertEqual((topic.documents(), len(mail.notes)), ([], 1))

    def test_both_ways_at_once(self):
        domain, of_identity = self.identity_with_topic("Delivery")
        of_identity.published()
        of_set = self.amazon.topic()
        name = self.amazon.configuration_set(of_set, ["DELIVERY"])
        mail = self.send_from(domain, "Send", "Delivery", ConfigurationSetName=name)
        [notification], [published] = of_identity.documents(), of_set.documents()
        self.assertEqual(
            (notification["notificationType"], published["eventType"]), ("Delivery", "Delivery")
        )
        self.assertEqual(
            {**published["delivery"], "remoteMtaIp": "198.51.100.25"}, notification["delivery"]
        )
        self.assertEqual(mail.events[1].topic_arns, [of_set.arn, of_identity.arn])

    def test_if_nothing_is_published_a_note_says_so(self):
        silent = self.amazon.configuration_set()
        for params, text in (
            ({}, "it has no configuration set"),
            ({"ConfigurationSetName": silent}, f"configuration set {silent} has no enabled"),
        ):
            with self.subTest(text):
                [note] = self.amazon.mail(self.send_raw(**params)).notes
                self.assertIn("published nowhere", note)
                self.assertIn(text, note)
        topic = self.amazon.topic()
        message_id = self.send_raw(ConfigurationSetName=self.amazon.configuration_set(topic))
        self.assertEqual(self.amazon.mail(message_id).notes, [])


class ReceivingTests(LocalSesTestCase):
    """Mail to a domain of ours arrives, as over the Internet."""

    def rule_for(self, *recipients: str, enabled: bool = True) -> str:
        domain, topic, rules = f"{unique('in')}.example", self.amazon.topic(), unique("rules")
        self.ses.verify_domain_identity(Domain=domain)
        self.ses.create_receipt_rule_set(RuleSetName=rules)
        self.ses.create_receipt_rule(
            RuleSetName=rules,
            Rule={
                "Name": "take",
                "Enabled": enabled,
                "Recipients": [name.format(domain) for name in recipients],
                "Actions": [{"SNSAction": {"TopicArn": topic.arn, "Encoding": "Base64"}}],
            },
        )
        self.ses.set_active_receipt_rule_set(RuleSetName=rules)
        self.addCleanup(self.ses.set_active_receipt_rule_set)
        return domain

    def received(self) -> list[list[str]]:
        return [mail.recipients for mail in self.amazon.journal.received()]

    def test_what_is_sent_to_ourselves_is_received(self):
        domain = self.rule_for()
        before = len(self.received())
        message_id = self.send_raw(Destinations=[CUSTOMER, f"hello@{domain}"])
        self.amazon.wait_for(message_id, "Send", "Delivery", "Delivery")
        wait_until(lambda: len(self.received()) > before)
        [mail] = self.amazon.journal.received()[: len(self.received()) - before]
        self.assertEqual((mail.recipients, mail.sender), ([f"hello@{domain}"], SENDER))
        self.assertIn(message_id.encode(), mail.raw)  # in the Message-ID of SES

    def test_who_is_in_no_rule_receives_nothing(self):
        domain = self.rule_for("support@{}")
        before = len(self.received())
        for recipient in (f"hello@{domain}", "support@unverified.example"):
            message_id = self.send_raw(Destinations=[recipient])
            self.amazon.wait_for(message_id, "Send", "Delivery")
        message_id = self.send_raw(Destinations=[f"Support+1@{domain}"])
        self.amazon.wait_for(message_id, "Send", "Delivery")
        wait_until(lambda: len(self.received()) > before)
        self.assertEqual(len(self.received()), before + 1)

    def test_a_rule_that_is_not_enabled_takes_nothing(self):
        domain = self.rule_for(enabled=False)
        before = len(self.received())
        message_id = self.send_raw(Destinations=[f"hello@{domain}"])
        mail = self.amazon.wait_for(message_id, "Send", "Delivery")
        self.amazon.wait_for(self.send_raw(), "Send", "Delivery")  # the first one is done by then
        self.assertEqual(len(self.received()), before)
        self.assertIn("It was not received", mail.notes[1])

    def test_what_cannot_be_received_is_noted(self):
        domain = self.rule_for()
        large = RAW + b"x" * 200_000  # more than the SNS action takes
        message_id = self.send_raw(large, Destinations=[f"hello@{domain}"])
        mail = self.amazon.wait_for(message_id, "Send", "Delivery")
        wait_until(lambda: any("not received" in note for note in mail.notes))


class ScheduleTests(SimpleTestCase):
    """Things happen later, in their order, and no longer after the end."""

    def test_what_is_due_first_runs_first(self):
        schedule, ran = Schedule(), []
        for delay in (0.6, 0.0, 0.3):
            schedule.add(delay, lambda delay=delay: ran.append(delay))
        wait_until(lambda: len(ran) == 3)
        schedule.close()
        self.assertEqual(ran, [0.0, 0.3, 0.6])

    def test_a_failure_does_not_end_it(self):
        schedule, ran = Schedule(), threading.Event()
        with self.assertLogs("asyncio", "ERROR"):
            schedule.add(0, lambda: json.loads("no"))
            schedule.add(0.01, ran.set)
            wait_until(ran.is_set)
        schedule.close()

    def test_closing_ends_its_thread_at_once(self):
        schedule, ran = Schedule(), []
        schedule.add(600, lambda: ran.append(1))
        start = time.monotonic()
        schedule.close()
        schedule.add(0, lambda: ran.append(2))
        self.assertLess(time.monotonic() - start, 60)
        self.assertNotIn("sandbox-schedule", {thread.name for thread in threading.enumerate()})
        self.assertEqual(ran, [])
