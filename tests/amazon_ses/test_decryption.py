"""Client-side encrypted S3 objects: what is read, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.decryption import decrypt, parse_envelope
from anymail.amazon_ses.inbound import UnreadableMail

PAYLOADS = Path(__file__).parent.parent / "payloads"
ENCRYPTED = PAYLOADS / "encrypted"
OBJECT = json.loads((ENCRYPTED / "object.metadata.json").read_text())
KEY = bytes.fromhex(OBJECT["plaintext_data_key_hex"])
BODY = (ENCRYPTED / "object.bin").read_bytes()
MAIL = (PAYLOADS / "inbound" / "multipart-alternative.eml").read_bytes()


def metadata(**changes: Any) -> dict[str, str]:
    fields = {**OBJECT["Metadata"]}
    for name, value in changes.items():
        fields[f"x-amz-{name.replace('_', '-')}"] = value
    return {name: value for name, value in fields.items() if value is not None}


class DecryptionTests(SimpleTestCase):
    def test_object_is_decrypted(self):
        envelope = parse_envelope(OBJECT["Metadata"])
        self.assertEqual(decrypt(envelope, KEY, BODY), MAIL)

    def test_context_is_the_whole_description(self):
        envelope = parse_envelope(OBJECT["Metadata"])
        self.assertEqual(envelope.context, OBJECT["expected_encryption_context"])
        self.assertEqual(envelope.kms_key_id, envelope.context["kms_cmk_id"])

    def test_names_in_the_metadata_may_be_of_any_case(self):
        fields = {name.title(): value for name, value in OBJECT["Metadata"].items()}
        self.assertEqual(parse_envelope(fields), parse_envelope(OBJECT["Metadata"]))

    def test_object_without_envelope_is_not_encrypted(self):
        for fields in ({}, {"my-own": "metadata"}):
            self.assertIsNone(parse_envelope(fields))

    def test_every_other_suite_is_refused(self):
        files = sorted(ENCRYPTED.glob("refuse-*.metadata.json"))
        self.assertEqual(len(files), 6)
        for file in files:
            with self.subTest(file.name), self.assertRaises(UnreadableMail):
                decrypt(parse_envelope(json.loads(file.read_text())["Metadata"]), KEY, BODY)

    def test_newer_name_of_the_key_wrapping_is_read(self):
        self.assertEqual(decrypt(parse_envelope(metadata(wrap_alg="kms+context")), KEY, BODY), MAIL)

    def test_other_envelopes_are_refused(self):
        for name in ("x-amz-key", "x-amz-c", "x-amz-3", "x-amz-cek-alg"):
            with self.subTest(name), self.assertRaises(UnreadableMail):
                parse_envelope({name: "x"})

    def test_missing_parameters_are_refused(self):
        for name in ("iv", "cek_alg", "tag_len", "wrap_alg", "matdesc"):
            with self.subTest(name), self.assertRaises(UnreadableMail):
                parse_envelope(metadata(**{name: None}))

    def test_wrong_parameters_are_refused(self):
        for name, value in (
            ("key_v2", "no base64!"),
            ("iv", "no base64!"),
            ("matdesc", "[]"),
            ("matdesc", '{"a": 1}'),
            ("unencrypted_content_length", "-1"),
            ("unencrypted_content_length", "9" * 5000),
        ):
            with self.subTest(name, value=value[:10]), self.assertRaises(UnreadableMail):
                parse_envelope(metadata(**{name: value}))

    def test_length_may_be_missing(self):
        envelope = parse_envelope(metadata(unencrypted_content_length=None))
        self.assertEqual(decrypt(envelope, KEY, BODY), MAIL)

    def test_object_of_another_mail_is_refused(self):
        with self.assertRaisesMessage(UnreadableMail, "another mail"):
            parse_envelope(OBJECT["Metadata"], "another-message-id")

    def test_object_that_names_no_mail_is_read(self):
        self.assertIsNotNone(parse_envelope(metadata(matdesc="{}"), "message-id"))

    def test_tampered_object_is_refused(self):
        tampered = (ENCRYPTED / "object-tampered.bin").read_bytes()
        envelope = parse_envelope(metadata(unencrypted_content_length=None))
        for body in (tampered, BODY[:-1], BODY[:10], b""):
            with self.subTest(len(body)), self.assertRaises(UnreadableMail):
                decrypt(envelope, KEY, body)

    def test_key_of_another_length_is_refused(self):
        with self.assertRaises(UnreadableMail):
            decrypt(parse_envelope(OBJECT["Metadata"]), KEY[:16], BODY)
