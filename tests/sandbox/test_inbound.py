"""anymail.sandbox.aws: mail that arrives, through to the signal of the product's own webhook."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from anymail.inbound import AnymailInboundMessage
from anymail.sandbox import SandboxError
from anymail.sandbox.aws.receive.documents import VERDICTS, add_headers, received_document
from anymail.sandbox.aws.receive.receive import MAX_SIZE, MAX_SNS_SIZE, receive
from anymail.sandbox.aws.sns.local_sns import LocalSns
from anymail.sandbox.aws.sns.signing_key import SigningKey
from anymail.sandbox.journal import Journal, ReceivedMail
from anymail.signals import AnymailInboundEvent, inbound

from ..class_context import enter_class_context
from ..hostile_mail import LINES, mutations
from ..local_sns import PATIENCE, SmallAmazon, heard, project, small_amazon, wait_until

KEY = SigningKey.generate()
PAYLOADS = Path(__file__).parent.parent / "payloads" / "inbound"
INBOUND = "/anymail/amazon_ses/inbound/"
SENDER, RECIPIENT = "bob@example.net", "support@tea.example"
PNG = bytes(range(256)) * 8


def mail(attachment: bytes = PNG, **headers: str) -> bytes:
    """A mail with an attachment, in 8-bit characters that are not UTF-8."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"From: =?utf-8?q?B=C3=B6b?= <bob@example.net>\r\nTo: {RECIPIENT}\r\n"
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from =?iso-8859-1?q?M=FCnchen?=\r\n"
        "Date: Tue, 4 Mar 2025 06:06:05 +0100\r\nMessage-ID: <m1@example.net>\r\n"
        f"{more}"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    )
    text = (
        b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n"
    )
    file = (
        b"--b\r\nContent-Type: image/png; name=tea.png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=tea.png\r\n\r\n"
        + base64.encodebytes(attachment).replace(b"\n", b"\r\n")
    )
    return head.encode() + text + file + b"--b--\r\n"


def headers_of(document: Mapping[str, Any]) -> list[str]:
    """The names of the headers in a document."""
    return [header["name"] for header in document["mail"]["headers"]]


class InboundTestCase(SimpleTestCase):
    """With a bucket, a key, a topic, and a site whose inbound webhook is subscribed."""

    amazon: SmallAmazon

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.journal = Journal()
        cls.amazon = enter_class_context(cls, small_amazon())
        cls.sns = LocalSns(cls.journal, KEY, retry_pause=0.05, timeout=PATIENCE)
        cls.addClassCleanup(cls.sns.close)
        cls.bucket = f"bucket-{uuid.uuid4()}"
        cls.amazon.client("s3").create_bucket(Bucket=cls.bucket)
        cls.topic = cls.amazon.create_topic()
        cls.kms_key = cls.amazon.client("kms").create_key()["KeyMetadata"]["Arn"]
        site = enter_class_context(
            cls,
            project(
                cls.amazon.url,
                KEY.certificates,
                AMAZON_SES_SNS_TOPIC_ARNS=[cls.topic],
                AMAZON_SES_INBOUND_BUCKETS=[cls.bucket],
            ),
        )
        webhook = cls.sns.subscribe(cls.topic, site + INBOUND)
        wait_until(lambda: webhook.is_confirmed)

    def setUp(self) -> None:
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)
        self.s3 = {"BucketName": self.bucket, "TopicArn": self.topic}
        self.rule_set = f"rules-{uuid.uuid4()}"
        self.ses = self.amazon.client("ses")
        self.ses.create_receipt_rule_set(RuleSetName=self.rule_set)
        self.ses.set_active_receipt_rule_set(RuleSetName=self.rule_set)
        self.addCleanup(self.ses.set_active_receipt_rule_set)
        self.last_rule = ""
        self.events = self.stack.enter_context(heard(inbound))

    def add_rule(self, name: str, *actions: dict[str, Any], **more: Any) -> None:
        """Add a rule after the others."""
        rule = {"Name": name, "Enabled": True, "ScanEnabled": True, "Actions": list(actions)}
        after = {"After": self.last_rule} if self.last_rule else {}
        self.ses.create_receipt_rule(RuleSetName=self.rule_set, Rule={**rule, **more}, **after)
        self.last_rule = name

    def sns_action(self, encoding: str = "Base64") -> dict[str, Any]:
        return {"SNSAction": {"TopicArn": self.topic, "Encoding": encoding}}

    def s3_action(self, **more: str) -> dict[str, Any]:
        return {"S3Action": {**self.s3, **more}}

    def receive(self, raw: bytes | None = None, **options: Any) -> ReceivedMail:
        options = {"sender": SENDER, "recipients": [RECIPIENT], "region": "us-east-1", **options}
        raw = mail() if raw is None else raw
        found = receive(raw, sns=self.sns, journal=self.journal, **options)
        wait_until(lambda: all(post.state != "retrying" for e in found.events for post in e.posts))
        return found

    def arrive(self, raw: bytes | None = None, **options: Any) -> AnymailInboundEvent:
        """The only event for a mail."""
        self.events.clear()
        self.received = self.receive(raw, **options)
        [event] = self.events
        return event

    def document(self) -> Mapping[str, Any]:
        """What was published."""
        [event] = self.received.events
        return event.document

    def assert_intact(self, message: AnymailInboundMessage) -> None:
        [attachment] = message.attachments
        self.assertEqual(attachment.get_filename(), "tea.png")
        self.assertEqual(attachment.get_content_bytes(), PNG)
        self.assertEqual(message.subject, "Grüße from München")


class WayTests(InboundTestCase):
    """Every way in which a mail can come."""

    def test_an_sns_action_with_base64(self):
        self.add_rule("sns", self.sns_action())
        message = self.arrive().message
        self.assert_intact(message)
        self.assertEqual(message.text, "Grüße")
        self.assertEqual(self.received.action, "SNS")
        self.assertEqual(
            self.document()["receipt"]["action"],
            {"type": "SNS", "topicArn": self.topic, "encoding": "BASE64"},
        )

    def test_an_sns_action_with_utf_8_loses_what_is_not(self):
        self.add_rule("sns", self.sns_action("UTF-8"))
        message = self.arrive().message
        self.assert_intact(message)
        self.assertIn("\ufffd", self.document()["content"])
        self.assertEqual(self.document()["receipt"]["action"]["encoding"], "UTF8")

    def test_an_s3_action(self):
        self.add_rule("s3", self.s3_action())
        message = self.arrive().message
        self.assert_intact(message)
        self.assertEqual(message.text, "Grüße")
        self.assertEqual(self.received.action, "S3")
        self.assertNotIn("content", self.document())
        self.assertEqual(
            self.document()["receipt"]["action"],
            {
                "type": "S3",
                "topicArn": self.topic,
                "bucketName": self.bucket,
                "objectKeyPrefix": "",
                "objectKey": self.received.id,
            },
        )

    def test_a_prefix_of_the_key(self):
        for rule, prefix, key in (("a", "mail", "mail/{}"), ("b", "e mails/", "e mails/{}")):
            with self.subTest(prefix=prefix):
                self.add_rule(rule, self.s3_action(ObjectKeyPrefix=prefix))
                self.assert_intact(self.arrive(rule=rule).message)
                action = self.document()["receipt"]["action"]
                self.assertEqual(action["objectKey"], key.format(self.received.id))
                self.assertEqual(action["objectKeyPrefix"], prefix)

    def test_an_s3_action_that_encrypts(self):
        self.add_rule("encrypted", self.s3_action(KmsKeyArn=self.kms_key))
        message = self.arrive().message
        self.assert_intact(message)
        self.assertEqual(self.received.action, "S3, encrypted")
        stored = self.amazon.client("s3").get_object(Bucket=self.bucket, Key=self.received.id)
        self.assertNotIn(b"bob@example.net", stored["Body"].read())
        metadata = stored["Metadata"]
        self.assertEqual(
            json.loads(metadata.pop("x-amz-matdesc")),
            {
                "aws:ses:message-id": self.received.id,
                "aws:ses:rule-name": "encrypted",
                "aws:ses:source-account": "123456789012",
                "kms_cmk_id": self.kms_key,
            },
        )
        self.assertEqual(
            metadata,
            {
                **metadata,
                "x-amz-cek-alg": "AES/GCM/NoPadding",
                "x-amz-tag-len": "128",
                "x-amz-wrap-alg": "kms",
                "x-amz-unencrypted-content-length": str(len(self.received.raw)),
            },
        )

    def test_the_key_may_be_named_by_an_alias(self):
        alias = f"alias/{uuid.uuid4()}"
        self.amazon.client("kms").create_alias(AliasName=alias, TargetKeyId=self.kms_key)
        arn = f"arn:aws:kms:us-east-1:123456789012:{alias}"
        self.add_rule("encrypted", self.s3_action(KmsKeyArn=arn))
        self.assert_intact(self.arrive().message)

    def test_what_the_webhook_gets_is_what_the_journal_has(self):
        self.add_rule("s3", self.s3_action())
        self.arrive()
        stored = self.amazon.client("s3").get_object(Bucket=self.bucket, Key=self.received.id)
        self.assertEqual(stored["Body"].read(), self.received.raw)
        self.assertTrue(self.received.raw.endswith(mail()))

    def test_the_journal_tells_the_whole_story(self):
        self.add_rule("s3", self.s3_action())
        event = self.arrive()
        self.assertIs(self.journal.received_mail(event.event_id), self.received)
        [announced] = self.received.events
        self.assertEqual((announced.kind, announced.topic_arns), ("Received", [self.topic]))
        [post] = announced.posts
        self.assertEqual((post.state, len(post.attempts)), ("delivered", 1))
        self.journal.add_signal(event)
        self.assertEqual(announced.signals, [event])
        self.assertEqual((self.received.rule, self.received.notes), ("s3", []))

    def test_a_large_mail(self):
        self.add_rule("s3", self.s3_action(KmsKeyArn=self.kms_key))
        content = PNG * 1500  # 3 MB
        [attachment] = self.arrive(mail(content)).message.attachments
        self.assertEqual(attachment.get_content_bytes(), content)


class RuleTests(InboundTestCase):
    """Which rules are used."""

    def rules_used(self, recipient: str = RECIPIENT, **options: Any) -> str:
        try:
            return self.receive(recipients=[recipient], **options).rule
        except SandboxError:
            return ""

    def test_all_in_their_order_until_one_stops(self):
        self.add_rule("first", self.s3_action())
        self.add_rule("second", self.sns_action(), {"StopAction": {"Scope": "RuleSet"}})
        self.add_rule("third", self.s3_action())
        received = self.receive()
        self.assertEqual((received.rule, received.action), ("first, second", "S3, SNS"))
        self.assertEqual(
            [event.document["receipt"]["action"]["type"] for event in received.events],
            ["S3", "SNS"],
        )
        ids = {event.esp_event["mail"]["messageId"] for event in self.events}
        self.assertEqual((ids, len(self.events)), ({received.id}, 2))

    def test_disabled_rules_are_not_used(self):
        self.add_rule("off", self.s3_action(), Enabled=False)
        self.assertEqual(self.rules_used(), "")

    def test_rules_are_for_their_recipients(self):
        self.add_rule("address", self.s3_action(), Recipients=["Support@Tea.example"])
        self.add_rule("domain", self.s3_action(), Recipients=["tea.example"])
        self.add_rule("subdomains", self.s3_action(), Recipients=[".tea.example"])
        self.add_rule("other", self.s3_action(), Recipients=["other.example", "x@tea.example"])
        for recipient, expected in (
            ("support@tea.example", "address, domain"),
            ("SUPPORT@TEA.EXAMPLE", "address, domain"),
            ("sales@tea.example", "domain"),
            ("support@green.tea.example", "subdomains"),
            ("support@greentea.example", ""),
            ("support@tea.example.net", ""),
        ):
            with self.subTest(recipient=recipient):
                self.assertEqual(self.rules_used(recipient), expected)

    def test_a_rule_has_its_own_recipients(self):
        self.add_rule("s3", self.s3_action(), Recipients=["tea.example"])
        recipients = ["a@tea.example", "b@example.com", "c@tea.example"]
        message = self.arrive(recipients=recipients).message
        self.assertEqual(message.envelope_recipients, ["a@tea.example", "c@tea.example"])

    def test_a_rule_by_its_name(self):
        self.add_rule("first", self.s3_action())
        self.add_rule("second", self.s3_action())
        self.add_rule("elsewhere", self.s3_action(), Recipients=["other.example"])
        self.assertEqual(self.rules_used(rule="second"), "second")
        for name in ("elsewhere", "none", ""):
            with self.subTest(name=name), self.assertRaisesMessage(SandboxError, RECIPIENT):
                self.receive(rule=name)

    def test_without_a_rule_nothing_arrives(self):
        count = len(self.journal.received())
        with self.assertRaisesMessage(SandboxError, "SES does not take this mail"):
            self.receive()
        self.add_rule("s3", self.s3_action())
        self.ses.set_active_receipt_rule_set()
        with self.assertRaises(SandboxError):
            self.receive()
        self.assertEqual(len(self.journal.received()), count)

    def test_headers_are_added_for_later_actions(self):
        add = {"AddHeaderAction": {"HeaderName": "X-Tea", "HeaderValue": "green"}}
        self.add_rule("s3", add, self.s3_action())
        self.assertEqual(self.arrive().message["X-Tea"], "green")
        self.assertEqual(headers_of(self.document())[0], "X-Tea")

    def test_an_action_that_is_ignored_is_noted(self):
        bounce = {"SmtpReplyCode": "550", "Message": "no", "Sender": "a@tea.example"}
        self.add_rule("s3", {"BounceAction": bounce}, self.s3_action())
        self.arrive()
        self.assertEqual(
            self.received.notes,
            ["The receipt rule 's3' has a Bounce action, which the sandbox ignores."],
        )

    def test_an_action_without_a_topic_is_noted(self):
        self.add_rule("s3", {"S3Action": {"BucketName": self.bucket}})
        received = self.receive()
        self.assertEqual(received.events, [])
        self.assertIn("has no SNS topic", received.notes[0])
        self.amazon.client("s3").get_object(Bucket=self.bucket, Key=received.id)

    def test_an_action_that_hands_nothing_over_may_be_announced(self):
        stop = {"Scope": "RuleSet", "TopicArn": self.topic}
        self.add_rule("s3", self.s3_action(), {"StopAction": stop})
        with self.assertLogs("anymail.amazon_ses.receive", "ERROR"):
            self.arrive()  # the product does not take it for a mail
        self.assertEqual(
            self.received.events[1].document["receipt"]["action"],
            {"type": "Stop", "topicArn": self.topic},
        )

    def test_what_does_not_exist_any_more(self):
        bucket = f"bucket-{uuid.uuid4()}"
        self.amazon.client("s3").create_bucket(Bucket=bucket)
        key = self.amazon.client("kms").create_key()["KeyMetadata"]
        self.add_rule("bucket", self.s3_action(BucketName=bucket))
        self.add_rule("key", self.s3_action(KmsKeyArn=key["Arn"]))
        self.amazon.client("s3").delete_bucket(Bucket=bucket)
        self.amazon.client("kms").disable_key(KeyId=key["KeyId"])
        count = len(self.journal.received())
        for rule, text in (("bucket", bucket), ("key", "is disabled")):
            with self.subTest(rule=rule), self.assertRaisesMessage(SandboxError, text):
                self.receive(rule=rule)
        self.assertEqual(len(self.journal.received()), count)

    def test_a_topic_that_is_gone(self):
        topic = self.amazon.create_topic()
        self.add_rule("sns", {"SNSAction": {"TopicArn": topic}})
        self.amazon.client("sns").delete_topic(TopicArn=topic)
        with self.assertRaisesMessage(SandboxError, "cannot be published"):
            self.receive()


class SizeTests(InboundTestCase):
    """What is too large bounces."""

    def test_150_kb_for_an_sns_action(self):
        self.add_rule("sns", self.sns_action())
        self.add_rule("s3", self.s3_action())
        top = len(self.receive(b"", rule="s3").raw)
        fits = b"a" * (MAX_SNS_SIZE - top - 1000)
        self.assertEqual(len(self.receive(b"\r\n" + fits, rule="sns").events), 1)
        with self.assertRaisesMessage(SandboxError, "Use a rule with an S3 action"):
            self.receive(b"\r\n" + b"a" * MAX_SNS_SIZE, rule="sns")
        self.assertEqual(len(self.receive(b"\r\n" + b"a" * MAX_SNS_SIZE, rule="s3").events), 1)

    def test_40_mb_for_all(self):
        self.add_rule("s3", self.s3_action())
        with self.assertRaisesMessage(SandboxError, "41,943,040"):
            self.receive(b"a" * MAX_SIZE)


class VerdictTests(InboundTestCase):
    """Spam, viruses, SPF, DKIM, DMARC."""

    def test_everything_passes_unless_chosen(self):
        self.add_rule("s3", self.s3_action())
        message = self.arrive().message
        self.assertEqual((message.spam_detected, message.virus_detected), (False, False))
        self.assertEqual(message.dmarc_verdict, "PASS")
        self.assertEqual(self.received.verdicts, dict.fromkeys(VERDICTS, "PASS"))
        self.assertNotIn("dmarcPolicy", self.document()["receipt"])

    def test_each_can_be_chosen(self):
        self.add_rule("s3", self.s3_action())
        chosen = {
            "spam": "FAIL",
            "virus": "GRAY",
            "spf": "FAIL",
            "dkim": "PROCESSING_FAILED",
            "dmarc": "FAIL",
        }
        message = self.arrive(verdicts=chosen).message
        self.assertEqual((message.spam_detected, message.virus_detected), (True, None))
        self.assertEqual((message.spf_verdict, message.dkim_verdict), ("FAIL", None))
        self.assertEqual((message.dmarc_verdict, message.dmarc_policy), ("FAIL", "none"))
        self.assertEqual(message["X-SES-Spam-Verdict"], "FAIL")
        self.assertRegex(
            message["Authentication-Results"], "(?s)spf=fail.*dkim=temperror.*dmarc=fail"
        )
        self.assertEqual(self.received.verdicts, chosen)

    def test_a_rule_that_does_not_scan(self):
        self.add_rule("s3", self.s3_action(), ScanEnabled=False)
        message = self.arrive().message
        self.assertEqual((message.spam_detected, message.virus_detected), (None, None))
        self.assertEqual(message["X-SES-Virus-Verdict"], "DISABLED")
        self.assertEqual(self.document()["receipt"]["spamVerdict"], {"status": "DISABLED"})


class DocumentTests(InboundTestCase):
    """What SES says about a mail."""

    def setUp(self) -> None:
        super().setUp()
        self.add_rule("s3", self.s3_action())

    def test_it_has_the_shape_of_amazons(self):
        self.arrive()
        sample = json.loads((PAYLOADS / "s3-plain.json").read_text())
        self.assertEqual(shape(self.document()), shape(sample))

    def test_the_mail_in_short(self):
        self.arrive(
            mail(Cc="Ann <ann@example.com>, x@example.com", Reply_To='"A, B" <r@x.example>')
        )
        described = self.document()["mail"]
        self.assertEqual(
            described["commonHeaders"],
            {
                "returnPath": SENDER,
                "from": ["Böb <bob@example.net>"],
                "date": "Tue, 4 Mar 2025 06:06:05 +0100",
                "to": [RECIPIENT],
                "cc": ["Ann <ann@example.com>", "x@example.com"],
                "replyTo": ['"A, B" <r@x.example>'],
                "messageId": "<m1@example.net>",
                "subject": "Grüße from München",
            },
        )
        self.assertEqual(described["source"], SENDER)
        self.assertEqual(described["destination"], [RECIPIENT, "ann@example.com", "x@example.com"])
        self.assertFalse(described["headersTruncated"])

    def test_its_id_is_in_the_key_and_in_the_received_header(self):
        event = self.arrive()
        self.assertRegex(event.event_id, "^[0-9a-v]{40}$")
        self.assertIn(f"id {event.event_id}", event.message["Received"])
        self.assertIn(f"for {RECIPIENT};", event.message["Received"])

    def test_ses_puts_its_headers_on_top_of_those_that_are_there(self):
        self.arrive(mail(X_SES_Spam_Verdict="FAIL", Return_Path="<forged@example.com>"))
        names = headers_of(self.document())
        self.assertEqual(
            names[:7],
            [
                "Return-Path",
                "Received",
                "X-SES-Spam-Verdict",
                "X-SES-Virus-Verdict",
                "Authentication-Results",
                "X-SES-RECEIPT",
                "From",
            ],
        )
        self.assertEqual(names.count("X-SES-Spam-Verdict"), 2)
        self.assertNotIn("\n", str(self.document()["mail"]["headers"]))

    def test_a_bounce_has_no_sender(self):
        message = self.arrive(sender="").message
        self.assertEqual(message.envelope_sender, "")
        self.assertEqual(message["Return-Path"], "<>")
        self.assertEqual(self.document()["mail"]["source"], "<>")

    def test_line_ends_become_those_of_smtp(self):
        self.arrive(mail().replace(b"\r\n", b"\n"))
        self.assertTrue(self.received.raw.endswith(mail()))

    def test_many_headers_are_truncated(self):
        event = self.arrive(mail(**{f"X_{number}": "p" * 500 for number in range(30)}))
        self.assertTrue(self.document()["mail"]["headersTruncated"])
        told = self.document()["mail"]["headers"]
        size = sum(len(header["name"] + header["value"]) for header in told)
        self.assertTrue(9_000 < size <= 10_240, size)
        self.assertEqual(event.message["X-29"], "p" * 500)

    def test_addresses_that_are_none(self):
        for options in (
            {"sender": "a@b\r\nBcc: x@y.example"},
            {"sender": "nobody"},
            {"sender": "a b@c.example"},
            {"sender": "\ud800@c.example"},
            {"recipients": []},
            {"recipients": ["a@b.example", ""]},
            {"recipients": ["<a@b.example>"]},
        ):
            with self.subTest(options=options), self.assertRaises(SandboxError):
                self.receive(**options)

    def test_any_mail_arrives(self):
        hostile = (
            b"",
            b"\r\n\r\n",
            b"no header\r\n",
            b"\x00\xff\xfe",
            b"Subject: =?unicode_escape?q?=5Cud800?=\r\n\r\n",
            b"Subject: =?utf-8?b?!!!?= =?nope?q?x?= =?utf-8?q?=ff?=\r\n\r\n",
            b'From: a@b@c <<>>,, "x\r\nTo: ;:,\r\nDate: never\r\n\r\n',
            b"From: =?utf-8?q?=0D=0AX?= <x@y.example>\r\nDate: 99 99 9999 99:99\r\n\r\n",
            b"Subject\xfc: \xfc\r\n \r\n\tx\r\n\r\n",
            b"To: " + b"a@b.example, " * 5000 + b"\r\n\r\n",
        )
        for raw in (*hostile, *(path.read_bytes() for path in PAYLOADS.glob("*.eml"))):
            with self.subTest(raw=raw[:300]):
                event = self.arrive(raw)
                self.assertEqual(event.event_type, "inbound")
                json.dumps(self.document(), ensure_ascii=False).encode()


class HostileMailTests(SimpleTestCase):
    """What senders write."""

    def test_any_mail_has_a_document(self):
        deep = b"From: " + b"(" * 5000 + b"\r\n\r\n"
        many = b"Content-Type: text/plain; x*" + b"9" * 5000 + b"*=x\r\n\r\n"
        for raw in (deep, many, *LINES, *mutations(11, 300)):
            mail = ReceivedMail(
                id="m1",
                sender=SENDER,
                recipients=[RECIPIENT],
                raw=raw,
                rule="",
                action="",
                verdicts=dict.fromkeys(VERDICTS, "PASS"),
            )
            with self.subTest(raw=raw[:300]):
                mail.raw = add_headers(mail, "us-east-1")
                document = received_document(mail, [RECIPIENT], {"type": "S3"})
                json.dumps(document, ensure_ascii=False).encode()


def shape(value: Any) -> Any:
    """What a document is made of, without its values."""
    if isinstance(value, Mapping):
        optional = {"cc", "bcc", "replyTo"}
        return {name: shape(item) for name, item in value.items() if name not in optional}
    if isinstance(value, (list, tuple)):
        return [shape(value[0])]
    return type(value).__name__
