"""SES API v1: the parameters of calls, and what responses mean."""

from __future__ import annotations

import json
from typing import Any

from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import raw_calls, template_calls
from anymail.backends.amazon_ses import EmailBackend
from anymail.calls import ApiCall
from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailUnsupportedFeature,
)

from ..ses import send, simple_message, stubbed

V2_BACKEND = "anymail.backends.amazon_sesv2.EmailBackend"


def params(message: Any, **options: Any) -> dict[str, Any]:
    return send(message, **options).params


class RawParamsTests(SimpleTestCase):
    def test_the_least_that_is_sent(self) -> None:
        self.assertEqual(set(params(simple_message())), {"Destinations", "RawMessage"})

    def test_all_recipients_are_in_the_envelope_in_order(self) -> None:
        message = simple_message(
            to=["Tö <to@example.com>"], cc=["Cc <cc@example.com>"], bcc=["bcc@münchen.example"]
        )
        self.assertEqual(
            params(message)["Destinations"],
            [
                "=?utf-8?b?VMO2?= <to@example.com>",
                "Cc <cc@example.com>",
                "bcc@xn--mnchen-3ya.example",
            ],
        )

    def test_spoofed_to_leaves_the_envelope_alone(self) -> None:
        sent = send(simple_message(headers={"To": "Our team <team@example.org>"}))
        self.assertEqual(sent.params["Destinations"], ["to@example.com"])
        self.assertEqual(sent.mime["To"], "Our team <team@example.org>")

    def test_envelope_sender_is_the_source(self) -> None:
        message = simple_message(envelope_sender="Bounces <bounces@münchen.example>")
        self.assertEqual(params(message)["Source"], "bounces@xn--mnchen-3ya.example")

    def test_the_first_of_several_from_addresses_is_the_source(self) -> None:
        message = simple_message(from_email="A <a@example.com>, b@example.com")
        self.assertEqual(params(message)["Source"], "a@example.com")

    def test_with_a_from_header_from_email_is_the_source(self) -> None:
        sent = send(simple_message(headers={"From": "Shown <shown@example.com>"}))
        self.assertEqual(sent.params["Source"], "from@example.com")
        self.assertEqual(sent.mime["From"], "Shown <shown@example.com>")

    def test_envelope_sender_wins_over_from_email_under_a_from_header(self) -> None:
        message = simple_message(
            headers={"From": "shown@example.com"}, envelope_sender="bounces@example.com"
        )
        self.assertEqual(params(message)["Source"], "bounces@example.com")

    def test_configuration_set(self) -> None:
        sent = params(simple_message(), configuration_set_name="set")
        self.assertEqual(sent["ConfigurationSetName"], "set")

    def test_the_tag_is_also_a_message_tag_when_it_has_a_name(self) -> None:
        sent = send(simple_message(tags=["welcome"]), message_tag_name="Type")
        self.assertEqual(sent.params["Tags"], [{"Name": "Type", "Value": "welcome"}])
        self.assertEqual(sent.mime["X-Tag"], "welcome")

    def test_several_tags_cannot_be_one_message_tag(self) -> None:
        message = simple_message(tags=["one", "two"])
        with self.assertRaisesRegex(
            AnymailUnsupportedFeature, "multiple tags with the AMAZON_SES_MESSAGE_TAG_NAME setting"
        ):
            params(message, message_tag_name="Type")
        sent = send(message, message_tag_name="Type", ignore_unsupported_features=True)
        self.assertEqual(sent.params["Tags"], [{"Name": "Type", "Value": "one"}])
        self.assertEqual(sent.mime.get_all("X-Tag"), ["one", "two"])

    def test_a_tag_that_ses_refuses_as_message_tag_is_refused_before_the_call(self) -> None:
        for tag in ("two words", "a@b", "ü", "x" * 256, "tag\t"):
            with self.subTest(tag), self.assertRaises(AnymailUnsupportedFeature):
                params(simple_message(tags=[tag]), message_tag_name="Type")

    def test_esp_extra_is_merged_last(self) -> None:
        arn = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
        message = simple_message(
            tags=["welcome"],
            esp_extra={
                "ConfigurationSetName": "other",
                "Tags": [{"Name": "a", "Value": "b"}],
                "SourceArn": arn,
            },
        )
        sent = params(message, configuration_set_name="set", message_tag_name="Type")
        self.assertEqual(sent["ConfigurationSetName"], "other")
        self.assertIn({"Name": "a", "Value": "b"}, sent["Tags"])
        self.assertEqual(sent["SourceArn"], arn)

    def test_esp_extra_cannot_replace_recipients_or_content(self) -> None:
        extra = {"Destinations": ["x@example.com"], "RawMessage": {"Data": b"x"}}
        sent = send(simple_message(esp_extra=extra))
        self.assertEqual(sent.params["Destinations"], ["to@example.com"])
        self.assertNotEqual(sent.raw, b"x")

    def test_parameters_of_v2_are_refused_by_the_name_of_its_backend(self) -> None:
        for name in ("ListManagementOptions", "EmailTags", "TenantName", "EndpointId"):
            with self.subTest(name), self.assertRaisesRegex(AnymailUnsupportedFeature, V2_BACKEND):
                params(simple_message(esp_extra={name: "x"}))

    def test_parameters_of_v2_are_dropped_when_that_is_ignored(self) -> None:
        sent = params(
            simple_message(esp_extra={"TenantName": "x"}), ignore_unsupported_features=True
        )
        self.assertNotIn("TenantName", sent)

    def test_a_parameter_nobody_knows_is_an_api_error(self) -> None:
        with self.assertRaisesRegex(AnymailAPIError, "NoSuchParam") as caught:
            params(simple_message(esp_extra={"NoSuchParam": 1}))
        self.assertEqual(caught.exception.error_code, "ParamValidationError")


class UnsupportedTests(SimpleTestCase):
    FEATURES = {
        "send_at": ({"send_at": 1}, "send_at. The app .anymail.outbox. does"),
        "priority": ({"priority": 0}, "priority. The app .anymail.outbox. does"),
        "expires_at": ({"expires_at": 1}, "expires_at. The app .anymail.outbox. does"),
        "idempotency_key": ({"idempotency_key": "a"}, "idempotency_key. The app"),
        "on_doubt": ({"on_doubt": "hold"}, "on_doubt. The app .anymail.outbox. does"),
        "track_opens": ({"track_opens": False}, "track_opens. The v2 API does"),
        "track_clicks": ({"track_clicks": True}, "track_clicks. The v2 API does"),
        "merge_track_opens": ({"merge_track_opens": {}}, "merge_track_opens. The v2 API does"),
        "merge_track_clicks": ({"merge_track_clicks": {}}, "merge_track_clicks. The v2 API does"),
        "tenant": ({"tenant": "acme"}, "tenant. The v2 API does"),
        "merge_data": ({"merge_data": {}}, "merge_data without template_id. With the v2 API"),
        "merge_global_data": (
            {"merge_global_data": {"a": 1}},
            "global_merge_data without template_id",
        ),
        "merge_metadata": ({"merge_metadata": {"to@example.com": {}}}, "merge_metadata"),
        "merge_headers": (
            {"merge_headers": {"to@example.com": {}}},
            "merge_headers without template_id",
        ),
    }

    def test_what_ses_cannot_do_is_refused(self) -> None:
        for name, (kwargs, feature) in self.FEATURES.items():
            with (
                self.subTest(name),
                self.assertRaisesRegex(
                    AnymailUnsupportedFeature, f"^Amazon SES does not support {feature}"
                ),
            ):
                params(simple_message(**kwargs))

    def test_it_is_dropped_when_that_is_ignored(self) -> None:
        for name, (kwargs, _) in self.FEATURES.items():
            with self.subTest(name):
                sent = params(simple_message(**kwargs), ignore_unsupported_features=True)
                self.assertEqual(set(sent), {"Destinations", "RawMessage"})

    def test_defaults_for_what_django_builds_are_refused(self) -> None:
        addresses = dict.fromkeys(("to", "cc", "bcc", "reply_to"), "x@example.com")
        for name, value in {**addresses, "attachments": ("a.txt", "text", "text/plain")}.items():
            with (
                self.subTest(name),
                override_settings(ANYMAIL={"SEND_DEFAULTS": {name: [value]}}),
                self.assertRaisesRegex(
                    AnymailUnsupportedFeature, f"Anymail send defaults for '{name}' with Amazon SES"
                ),
            ):
                params(simple_message())

    @override_settings(
        ANYMAIL={"SEND_DEFAULTS": {"bcc": ["b@example.com"]}, "IGNORE_UNSUPPORTED_FEATURES": True}
    )
    def test_a_default_bcc_reaches_the_envelope_when_that_is_ignored(self) -> None:
        self.assertEqual(
            params(simple_message())["Destinations"], ["to@example.com", "b@example.com"]
        )

    @override_settings(ANYMAIL={"SEND_DEFAULTS": {"metadata": {"a": 1}, "tags": ["t"]}})
    def test_other_defaults_are_sent(self) -> None:
        mime = send(simple_message(tags=["u"])).mime
        self.assertEqual((mime["X-Metadata"], mime.get_all("X-Tag")), ('{"a": 1}', ["t", "u"]))


class LimitTests(SimpleTestCase):
    def test_50_recipients_are_one_call(self) -> None:
        message = simple_message(to=[f"to{n}@example.com" for n in range(50)])
        self.assertEqual(len(params(message)["Destinations"]), 50)

    def test_more_are_refused_before_any_call(self) -> None:
        message = simple_message(
            to=[f"to{n}@example.com" for n in range(49)], bcc=["a@example.com", "b@example.com"]
        )
        with stubbed(), self.assertRaisesRegex(AnymailError, "AMAZON_SES_SPLIT_RECIPIENTS"):
            EmailBackend().send_messages([message])

    def test_more_are_split_when_that_is_wanted(self) -> None:
        message = simple_message(
            to=[f"to{n}@example.com" for n in range(60)],
            cc=[f"cc{n}@example.com" for n in range(45)],
        )
        sent = send(message, split_recipients=True, max_concurrency=1)
        self.assertEqual([len(call["Destinations"]) for call in sent.calls], [50, 50, 5])
        self.assertEqual(len({call["RawMessage"]["Data"] for call in sent.calls}), 1)
        status = message.anymail_status
        self.assertEqual(len(status.recipients), 105)
        self.assertEqual(status.message_id, {"id-1", "id-2", "id-3"})
        self.assertEqual(status.recipients["to0@example.com"].message_id, "id-1")
        self.assertEqual(status.recipients["cc44@example.com"].message_id, "id-3")

    def test_a_message_over_10_mb_is_refused_with_its_size_and_the_way_out(self) -> None:
        message = simple_message()
        message.attach("x.bin", b"x" * 8_000_000, "application/octet-stream")
        with stubbed(), self.assertRaisesRegex(AnymailUnsupportedFeature, r"10\.4 MB") as caught:
            EmailBackend().send_messages([message])
        self.assertIn(V2_BACKEND, str(caught.exception))

    def test_a_non_ascii_local_part_is_refused_in_every_field(self) -> None:
        for kwargs in (
            {"to": ["jörg@example.com"]},
            {"cc": ["jörg@example.com"]},
            {"bcc": ["jörg@example.com"]},
            {"from_email": "jörg@example.com"},
            {"reply_to": ["jörg@example.com"]},
            {"envelope_sender": "jörg@example.com"},
        ):
            (field,) = kwargs
            with self.subTest(field), self.assertRaisesRegex(AnymailInvalidAddress, f"`{field}`"):
                params(simple_message(**kwargs))


class RawResponseTests(SimpleTestCase):
    def test_every_recipient_is_queued_with_the_id(self) -> None:
        message = simple_message(to=["Tö <To@example.com>"], bcc=["bcc@münchen.example"])
        with stubbed() as stub:
            stub.add_response("send_raw_email", {"MessageId": "m-1"})
            self.assertEqual(EmailBackend().send_messages([message]), 1)
        status = message.anymail_status
        self.assertEqual((status.status, status.message_id), ({"queued"}, "m-1"))
        self.assertEqual(set(status.recipients), {"To@example.com", "bcc@münchen.example"})
        self.assertEqual(status.esp_response["MessageId"], "m-1")

    def test_a_response_without_id_is_an_error_and_kept(self) -> None:
        call = ApiCall(operation="send_raw_email", params={}, recipients=())
        with self.assertRaisesRegex(AnymailAPIError, "MessageId") as caught:
            raw_calls.parse_message_id(call, {"ResponseMetadata": {}})
        self.assertEqual(caught.exception.response, {"ResponseMetadata": {}})


def template_message(**kwargs: Any) -> Any:
    defaults: dict[str, Any] = {"subject": "", "body": "", "template_id": "welcome"}
    return simple_message(**{**defaults, **kwargs})


class TemplateParamsTests(SimpleTestCase):
    def test_the_least_that_is_sent(self) -> None:
        self.assertEqual(
            params(template_message()),
            {
                "Source": "from@example.com",
                "Template": "welcome",
                "DefaultTemplateData": "{}",
                "Destinations": [
                    {
                        "Destination": {"ToAddresses": ["to@example.com"]},
                        "ReplacementTemplateData": "{}",
                    }
                ],
            },
        )

    def test_everything_together(self) -> None:
        message = template_message(
            from_email="Frön <from@example.com>",
            to=["Tö <a@example.com>", "b@example.com"],
            cc=["cc@example.com"],
            bcc=["bcc@example.com"],
            reply_to=["Réply <r@example.com>"],
            envelope_sender="bounces@example.com",
            tags=["tag"],
            merge_data={"a@example.com": {"x": 1}, "b@example.com": {"x": 2, "y": 3}},
            merge_global_data={"x": 0, "z": 9},
        )
        sent = params(message, configuration_set_name="set", message_tag_name="Type")
        self.assertEqual(sent["Source"], "=?utf-8?q?Fr=C3=B6n?= <from@example.com>")
        self.assertEqual(sent["ReplyToAddresses"], ["=?utf-8?q?R=C3=A9ply?= <r@example.com>"])
        self.assertEqual(sent["ReturnPath"], "bounces@example.com")
        self.assertEqual(sent["DefaultTags"], [{"Name": "Type", "Value": "tag"}])
        self.assertEqual(sent["ConfigurationSetName"], "set")
        self.assertEqual(json.loads(sent["DefaultTemplateData"]), {"x": 0, "z": 9})
        for entry in sent["Destinations"]:
            self.assertEqual(entry["Destination"]["CcAddresses"], ["cc@example.com"])
            self.assertEqual(entry["Destination"]["BccAddresses"], ["bcc@example.com"])

    def test_global_data_is_merged_per_key_into_each_recipients(self) -> None:
        message = template_message(
            to=["a@example.com", "B@example.com", "c@example.com"],
            merge_data={"a@example.com": {"x": 1}, "b@example.com": {"y": 2}},
            merge_global_data={"x": 0, "z": 9},
        )
        self.assertEqual(
            [json.loads(d["ReplacementTemplateData"]) for d in params(message)["Destinations"]],
            [{"x": 1, "z": 9}, {"x": 0, "z": 9, "y": 2}, {"x": 0, "z": 9}],
        )

    def test_a_from_header_is_the_source_and_from_email_the_return_path(self) -> None:
        sent = params(template_message(headers={"From": "Shown <shown@example.com>"}))
        self.assertEqual(sent["Source"], "Shown <shown@example.com>")
        self.assertEqual(sent["ReturnPath"], "from@example.com")

    def test_no_template_id_means_no_template(self) -> None:
        for template_id in (None, ""):
            with self.subTest(template_id):
                self.assertIn("RawMessage", params(simple_message(template_id=template_id)))

    @override_settings(ANYMAIL={"SEND_DEFAULTS": {"template_id": "default"}})
    def test_a_template_id_from_defaults_works_and_none_suppresses_it(self) -> None:
        self.assertEqual(params(simple_message(subject="", body=""))["Template"], "default")
        self.assertIn("RawMessage", params(simple_message(template_id=None)))

    def test_what_v1_templates_cannot_carry_is_refused(self) -> None:
        html = template_message()
        html.attach_alternative("<p>", "text/html")
        other = template_message()
        other.attach_alternative("x", "text/x-amp-html")
        attached = template_message()
        attached.attach("a.txt", "a", "text/plain")
        for message, feature, v2 in (
            (template_message(subject="s"), "overriding template subject", False),
            (template_message(body="b"), "overriding template body content", False),
            (html, "overriding template body content", False),
            (other, "alternatives with template", False),
            (attached, "attachments with template", True),
            (template_message(headers={"X-A": "b"}), "extra_headers with template", True),
            (template_message(headers={"to": "b"}), "spoofing `To` header", False),
            (template_message(metadata={}), "metadata with template", True),
            (template_message(merge_metadata={}), "merge_metadata with template", True),
            (template_message(merge_headers={}), "merge_headers with template", True),
            (template_message(tags=["a"]), "tags with template .unless", True),
            (template_message(from_email="a@b.c, d@e.f"), "multiple from emails", False),
            (template_message(track_opens=True), "track_opens", True),
            (template_message(merge_track_clicks={}), "merge_track_clicks", True),
            (template_message(tenant="acme"), "tenant", True),
        ):
            with (
                self.subTest(feature),
                self.assertRaisesRegex(AnymailUnsupportedFeature, feature) as caught,
            ):
                params(message)
            self.assertEqual(V2_BACKEND in str(caught.exception), v2)

    def test_it_is_dropped_when_that_is_ignored(self) -> None:
        message = template_message(
            subject="s", body="b", headers={"X-A": "b"}, metadata={"a": 1}, tags=["a"], send_at=1
        )
        sent = params(message, ignore_unsupported_features=True)
        self.assertEqual(set(sent), {"Source", "Template", "DefaultTemplateData", "Destinations"})

    def test_merge_data_that_json_cannot_hold_or_ses_not_take_is_refused(self) -> None:
        with self.assertRaisesRegex(AnymailError, "merge_data"):
            params(template_message(merge_data={"to@example.com": {"a": object()}}))
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "262,144"):
            params(template_message(merge_data={"to@example.com": {"a": "x" * 262_144}}))


class BatchTests(SimpleTestCase):
    def test_1000_recipients_are_20_calls(self) -> None:
        message = template_message(to=[f"to{n}@example.com" for n in range(1000)])
        sent = send(message, max_concurrency=1)
        self.assertEqual([len(call["Destinations"]) for call in sent.calls], [50] * 20)
        status = message.anymail_status
        self.assertEqual(list(status.recipients), [f"to{n}@example.com" for n in range(1000)])
        self.assertEqual(status.recipients["to949@example.com"].message_id, "id-19-49")
        self.assertEqual(status.status, {"queued"})

    def test_a_call_never_has_more_than_50_addresses(self) -> None:
        message = template_message(
            to=[f"to{n}@example.com" for n in range(30)],
            cc=["a@example.com", "b@example.com", "c@example.com"],
        )
        sent = send(message, max_concurrency=1)
        self.assertEqual([len(call["Destinations"]) for call in sent.calls], [12, 12, 6])

    def test_too_many_copies_are_refused(self) -> None:
        message = template_message(cc=[f"cc{n}@example.com" for n in range(50)])
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "more than 50"):
            params(message)


class TemplateResponseTests(SimpleTestCase):
    def send(self, *results: dict[str, str], to: list[str] | None = None) -> Any:
        everybody = to or [f"to{n}@example.com" for n in range(len(results))]
        message = template_message(to=everybody)
        with stubbed() as stub:
            stub.add_response("send_bulk_templated_email", {"Status": list(results)})
            EmailBackend().send_messages([message])
        return message.anymail_status

    def test_statuses_are_paired_in_order(self) -> None:
        status = self.send(
            {"Status": "Success", "MessageId": "m-0"},
            {"Status": "AccountThrottled", "Error": "Slow down"},
            {"Status": "Success", "MessageId": "m-2"},
        )
        self.assertEqual(status.status, {"queued", "failed"})
        self.assertEqual(status.message_id, {"m-0", None, "m-2"})
        failed = status.recipients["to1@example.com"]
        self.assertEqual(
            (failed.status, failed.error_code, failed.error_message),
            ("failed", "AccountThrottled", "Slow down"),
        )
        self.assertIsNone(status.recipients["to0@example.com"].error_code)

    def test_of_somebody_who_is_in_it_twice_the_accepted_one_counts(self) -> None:
        accepted, refused = {"Status": "Success", "MessageId": "m"}, {"Status": "MessageRejected"}
        for results in ([accepted, refused], [refused, accepted]):
            with self.subTest(results):
                status = self.send(*results, to=["a@example.com", "a@example.com"])
                self.assertEqual((status.status, status.message_id), ({"queued"}, "m"))

    def test_every_documented_status(self) -> None:
        codes = [
            "MessageRejected",
            "MailFromDomainNotVerified",
            "ConfigurationSetDoesNotExist",
            "TemplateDoesNotExist",
            "AccountSuspended",
            "AccountThrottled",
            "AccountDailyQuotaExceeded",
            "InvalidSendingPoolName",
            "AccountSendingPaused",
            "ConfigurationSetSendingPaused",
            "InvalidParameterValue",
            "TransientFailure",
            "Failed",
            "SomethingNew",
        ]
        status = self.send(*[{"Status": code, "Error": f"About {code}"} for code in codes])
        self.assertEqual(
            [(r.status, r.error_code, r.error_message) for r in status.recipients.values()],
            [("failed", code, f"About {code}") for code in codes],
        )

    def test_all_failed_with_the_same_error_is_an_error(self) -> None:
        message = template_message(to=["a@example.com", "b@example.com"])
        result = {"Status": "TemplateDoesNotExist", "Error": "Template welcome does not exist."}
        with stubbed() as stub:
            stub.add_response("send_bulk_templated_email", {"Status": [result, result]})
            with self.assertRaisesRegex(
                AnymailAPIError, "Template welcome does not exist"
            ) as caught:
                EmailBackend().send_messages([message])
        self.assertEqual(caught.exception.error_code, "TemplateDoesNotExist")
        self.assertEqual(message.anymail_status.status, {"failed"})
        self.assertEqual(len(message.anymail_status.recipients), 2)

    def test_a_missing_status_is_unknown_and_never_success(self) -> None:
        self.assertEqual(self.send({"MessageId": "m-0"}).status, {"unknown"})

    def test_a_wrong_number_of_results_is_an_error(self) -> None:
        message = template_message(to=["a@example.com", "b@example.com"])
        with stubbed() as stub:
            stub.add_response("send_bulk_templated_email", {"Status": [{"Status": "Success"}]})
            with self.assertRaisesRegex(AnymailAPIError, "1 results for 2 recipients"):
                EmailBackend().send_messages([message])

    def test_a_missing_list_is_an_error(self) -> None:
        call = ApiCall(operation="send_bulk_templated_email", params={}, recipients=())
        with self.assertRaisesRegex(AnymailAPIError, "without Status"):
            template_calls.parse_entries(call, {}, "Status")

    def test_addresses_are_masked_in_error_texts(self) -> None:
        status = self.send(
            {"Status": "Success", "MessageId": "m"},
            {"Status": "MessageRejected", "Error": "Address secret@example.com is not verified"},
        )
        text = status.recipients["to1@example.com"].error_message
        self.assertEqual(text, "Address ***@example.com is not verified")
