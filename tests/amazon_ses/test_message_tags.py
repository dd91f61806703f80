"""SES message tags: ours, the settings' and the user's, in both APIs, raw and template."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses.message_tags import sanitize
from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.tracking import tracking_events
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)

from ..local_ses import LocalSesTestCase
from ..local_sns import wait_until
from ..ses import CREDENTIALS, send, simple_message

OWN = {"anymail-outbox": "entry-1", "campaign": "ours"}


class V1WithOwnTags(V1Backend):
    """Adds tags of this package, as an app of it does."""

    def start(self, message: Any, **kwargs: Any) -> Any:
        return super().start(message, message_tags=OWN, **kwargs)


class V2WithOwnTags(V2Backend):
    """The same."""

    def start(self, message: Any, **kwargs: Any) -> Any:
        return super().start(message, message_tags=OWN, **kwargs)


@dataclass(frozen=True)
class Way:
    """One of the four ways to send."""

    backend: type[V1Backend]
    with_own_tags: type[V1Backend]
    template: bool
    sent_as: str
    #: In esp_extra; the second wins.
    names: tuple[str, str]

    def message(self, **kwargs: Any) -> Any:
        if self.template:
            kwargs = {"subject": "", "body": "", "template_id": "welcome", **kwargs}
        return simple_message(**kwargs)

    def sent_tags(self, message: Any, own: bool = False, **options: Any) -> dict[str, str]:
        """The tags of the call; fails if a name is there twice."""
        params = send(message, self.with_own_tags if own else self.backend, **options).params
        pairs = [(tag["Name"], tag["Value"]) for tag in params.get(self.sent_as, ())]
        assert len(pairs) == len(dict(pairs)), pairs
        assert self.sent_as in params or not pairs
        return dict(pairs)


WAYS = [
    Way(V1Backend, V1WithOwnTags, False, "Tags", ("DefaultTags", "Tags")),
    Way(V1Backend, V1WithOwnTags, True, "DefaultTags", ("Tags", "DefaultTags")),
    Way(V2Backend, V2WithOwnTags, False, "EmailTags", ("DefaultEmailTags", "EmailTags")),
    Way(V2Backend, V2WithOwnTags, True, "DefaultEmailTags", ("EmailTags", "DefaultEmailTags")),
]

RAW, TEMPLATES = WAYS[::2], WAYS[1::2]


def tag(name: str, value: str) -> dict[str, str]:
    return {"Name": name, "Value": value}


def each_of(ways: list[Way]) -> Callable[[Callable[[Any, Way], None]], Callable[[Any], None]]:
    """Run a test with each way to send."""

    def decorate(test: Callable[[Any, Way], None]) -> Callable[[Any], None]:
        @functools.wraps(test)
        def run(self: Any) -> None:
            for way in ways:
                with self.subTest(way.backend.__module__, parameter=way.sent_as):
                    test(self, way)

        return run

    return decorate


class MergeTests(SimpleTestCase):
    @each_of(WAYS)
    def test_no_tags_are_no_parameter(self, way: Way) -> None:
        self.assertNotIn(way.sent_as, send(way.message(), way.backend).params)

    @each_of(WAYS)
    def test_tags_of_every_source_are_sent(self, way: Way) -> None:
        message = way.message(
            tags=["welcome"],
            metadata={"plan": "pro"},
            esp_extra={way.names[0]: [tag("a", "1")], way.names[1]: [tag("b", "2")]},
        )
        found = way.sent_tags(
            message, own=True, message_tag_name="Type", metadata_message_tags=["plan"]
        )
        expected = {"Type": "welcome", "plan": "pro", "a": "1", "b": "2", **OWN}
        self.assertEqual(found, expected)

    @each_of(WAYS)
    def test_the_users_win_name_by_name(self, way: Way) -> None:
        extra = {way.names[0]: [tag("campaign", "lost"), tag("Type", "user")]}
        extra[way.names[1]] = [tag("campaign", "user")]
        message = way.message(tags=["welcome"], metadata={"campaign": "m"}, esp_extra=extra)
        found = way.sent_tags(
            message, own=True, message_tag_name="Type", metadata_message_tags="campaign"
        )
        expected = {"anymail-outbox": "entry-1", "campaign": "user", "Type": "user"}
        self.assertEqual(found, expected)

    @each_of(WAYS)
    def test_the_anymail_tag_wins_over_metadata_and_that_over_ours(self, way: Way) -> None:
        message = way.message(metadata={"campaign": "m"})
        options: dict[str, Any] = {"metadata_message_tags": ["campaign"]}
        self.assertEqual(way.sent_tags(message, own=True, **options)["campaign"], "m")
        message.tags, options["message_tag_name"] = ["tag"], "campaign"
        self.assertEqual(way.sent_tags(message, own=True, **options)["campaign"], "tag")

    @each_of(WAYS)
    def test_of_duplicates_the_last_counts(self, way: Way) -> None:
        extra = {way.names[1]: [tag("a", "1"), tag("a", "2")]}
        self.assertEqual(way.sent_tags(way.message(esp_extra=extra)), {"a": "2"})

    @each_of(RAW)
    def test_tags_of_a_header_are_kept_beside_those_in_parameters(self, way: Way) -> None:
        """SES reads the header only if there are no parameters."""
        headers = {"x-ses-message-tags": "a=header, b=header"}
        message = way.message(headers=headers, esp_extra={way.names[1]: [tag("a", "extra")]})
        self.assertEqual(way.sent_tags(message), {"a": "extra", "b": "header"})
        self.assertEqual(way.sent_tags(way.message(headers=headers)), {})

    @each_of(WAYS)
    def test_tags_for_the_feedback_id_are_possible(self, way: Way) -> None:
        extra = {way.names[1]: [tag("ses:feedback-id-a", "spring")]}
        self.assertEqual(
            way.sent_tags(way.message(esp_extra=extra)), {"ses:feedback-id-a": "spring"}
        )
        found = way.sent_tags(
            way.message(tags=["news"], metadata={"ses:feedback-id-b": "7"}),
            message_tag_name="ses:feedback-id-a",
            metadata_message_tags="ses:feedback-id-b",
        )
        self.assertEqual(found, {"ses:feedback-id-a": "news", "ses:feedback-id-b": "7"})


class RefusedTests(SimpleTestCase):
    @each_of(WAYS)
    def test_what_ses_does_not_accept_is_refused_before_the_call(self, way: Way) -> None:
        for name, value in (
            *(("a b", "x"), ("ses:other", "x"), ("", "x"), ("ü", "x"), ("n" * 256, "x")),
            *(("a", "x y"), ("a", ""), ("a", "x@y"), ("a", "1.5"), ("a", "x\n")),
            ("a", "v" * 256),
        ):
            message = way.message(esp_extra={way.names[1]: [tag(name, value)]})
            with self.assertRaisesRegex(AnymailUnsupportedFeature, way.names[1]):
                way.sent_tags(message)
            self.assertEqual(way.sent_tags(message, ignore_unsupported_features=True), {})

    @each_of(WAYS)
    def test_255_characters_are_accepted(self, way: Way) -> None:
        message = way.message(esp_extra={way.names[1]: [tag("n" * 255, "v" * 255)]})
        self.assertEqual(way.sent_tags(message), {"n" * 255: "v" * 255})

    @each_of(WAYS)
    def test_what_are_no_tags_is_refused(self, way: Way) -> None:
        for value in (
            *({"a": "b"}, "a=b", ["a"], [{"Name": "a"}], [("a", "b")], 1),
            *([{"Name": "a", "Value": 1}], [{"Name": "a", "Value": "b", "Key": "c"}]),
        ):
            with self.assertRaisesRegex(AnymailSerializationError, way.names[1]):
                way.sent_tags(way.message(esp_extra={way.names[1]: value}))

    @each_of(WAYS)
    def test_none_means_none(self, way: Way) -> None:
        message = way.message(tags=["tag"], esp_extra={way.names[1]: None})
        self.assertEqual(way.sent_tags(message, message_tag_name="Type"), {"Type": "tag"})

    def test_names_in_settings_are_checked(self) -> None:
        for options in ({"message_tag_name": "a b"}, {"metadata_message_tags": ["ok", "a.b"]}):
            with self.subTest(options), self.assertRaises(AnymailConfigurationError):
                V1Backend(**options)
        with (
            override_settings(ANYMAIL={"AMAZON_SES_METADATA_MESSAGE_TAGS": ["e-mail address"]}),
            self.assertRaisesRegex(ImproperlyConfigured, "'e-mail address'"),
        ):
            V1Backend()


class MetadataTests(SimpleTestCase):
    def sent_tags(self, way: Way, metadata: Any, **options: Any) -> dict[str, str]:
        message = way.message(metadata=metadata)
        return way.sent_tags(message, metadata_message_tags=["campaign"], **options)

    @each_of(WAYS)
    def test_only_the_named_keys_are_sent(self, way: Way) -> None:
        message = way.message(metadata={"campaign": "spring"})
        names = ["plan", "campaign"]
        self.assertEqual(
            way.sent_tags(message, metadata_message_tags=names), {"campaign": "spring"}
        )

    def test_metadata_is_still_a_header(self) -> None:
        sent = send(
            simple_message(metadata={"campaign": "spring", "user": "u@x"}),
            metadata_message_tags=["campaign"],
        )
        self.assertEqual(sent.mime["X-Metadata"], '{"campaign": "spring", "user": "u@x"}')

    @each_of(WAYS)
    def test_numbers_and_truth_are_written_as_in_json(self, way: Way) -> None:
        self.assertEqual(self.sent_tags(way, {"campaign": 7}), {"campaign": "7"})
        self.assertEqual(self.sent_tags(way, {"campaign": True}), {"campaign": "true"})

    @each_of(WAYS)
    def test_nothing_is_no_tag(self, way: Way) -> None:
        for metadata in ({"campaign": None}, {"campaign": ""}, {}):
            self.assertEqual(self.sent_tags(way, metadata), {})

    @each_of(WAYS)
    def test_what_does_not_fit_is_refused_without_its_value(self, way: Way) -> None:
        for value in ("two words", "ann@example.com", 1.5, ["a"], {"a": "b"}, "v" * 256):
            with self.assertRaisesRegex(
                AnymailUnsupportedFeature, "metadata 'campaign' as a message tag"
            ) as caught:
                self.sent_tags(way, {"campaign": value})
            self.assertNotIn("ann@", str(caught.exception))
            self.assertEqual(
                self.sent_tags(way, {"campaign": value}, ignore_unsupported_features=True), {}
            )

    @each_of(WAYS)
    def test_it_is_sanitized_if_that_is_wanted(self, way: Way) -> None:
        for value, expected in (
            ("Zürich, 8001", "Zurich__8001"),
            (1.5, "1_5"),
            ("v" * 300, "v" * 255),
        ):
            found = self.sent_tags(way, {"campaign": value}, sanitize_message_tags=True)
            self.assertEqual(found, {"campaign": expected})
        with self.assertRaises(AnymailUnsupportedFeature):
            self.sent_tags(way, {"campaign": ["a"]}, sanitize_message_tags=True)

    @each_of(WAYS)
    def test_the_anymail_tag_is_sanitized_too_and_esp_extra_is_not(self, way: Way) -> None:
        options: dict[str, Any] = {"message_tag_name": "Type", "sanitize_message_tags": True}
        found = way.sent_tags(way.message(tags=["two words"]), **options)
        self.assertEqual(found, {"Type": "two_words"})
        with self.assertRaises(AnymailUnsupportedFeature):
            way.sent_tags(way.message(esp_extra={way.names[1]: [tag("a", "b c")]}), **options)

    @each_of(WAYS)
    def test_the_error_names_the_setting_where_it_would_help(self, way: Way) -> None:
        options: dict[str, Any] = {"message_tag_name": "Type", "metadata_message_tags": "campaign"}
        for message, expected in (
            (way.message(metadata={"campaign": "two words"}), True),
            (way.message(metadata={"campaign": "v" * 256}), True),
            (way.message(metadata={"campaign": 1.5}), True),
            (way.message(tags=["two words"]), True),
            (way.message(metadata={"campaign": ["a"]}), False),
            (way.message(tags=[""]), False),
            (way.message(esp_extra={way.names[1]: [tag("a", "b c")]}), False),
        ):
            with self.assertRaises(AnymailUnsupportedFeature) as caught:
                way.sent_tags(message, **options)
            found = "AMAZON_SES_SANITIZE_MESSAGE_TAGS" in str(caught.exception)
            self.assertEqual(found, expected, str(caught.exception))

    def test_sanitizing(self) -> None:
        for text, expected in {
            "café": "cafe",
            "ﬁne": "fine",
            "東京": "__",
            "a.b:c/d e": "a_b_c_d_e",
            "A-z_0": "A-z_0",
        }.items():
            with self.subTest(text):
                self.assertEqual(sanitize(text), expected)


class MergeMetadataTests(SimpleTestCase):
    def entries(self, way: Way, message: Any, own: bool = False, **options: Any) -> list[Any]:
        backend = way.with_own_tags if own else way.backend
        params = send(message, backend, **options).params
        self.assertNotIn(way.sent_as, params)
        entries = params.get("Destinations") or params["BulkEmailEntries"]
        return [
            {tag["Name"]: tag["Value"] for tag in entry["ReplacementTags"]} for entry in entries
        ]

    @each_of(TEMPLATES)
    def test_each_recipient_has_the_common_tags_and_its_own(self, way: Way) -> None:
        message = way.message(
            to=["a@example.com", "B@example.com", "c@example.com"],
            tags=["welcome"],
            metadata={"plan": "free"},
            merge_metadata={"a@example.com": {"plan": "pro"}, "b@example.com": {"id": 7}},
            esp_extra={way.names[1]: [tag("campaign", "user")]},
        )
        found = self.entries(
            way,
            message,
            own=True,
            message_tag_name="Type",
            metadata_message_tags=["plan", "id"],
        )
        common = {"anymail-outbox": "entry-1", "Type": "welcome", "campaign": "user"}
        self.assertEqual(
            found,
            [
                {**common, "plan": "pro"},
                {**common, "plan": "free", "id": "7"},
                {**common, "plan": "free"},
            ],
        )

    def test_metadata_without_named_keys_makes_no_tags(self) -> None:
        way = WAYS[3]
        message = way.message(merge_metadata={"to@example.com": {"id": 7}})
        params = send(message, way.backend, metadata_message_tags=["plan"]).params
        self.assertNotIn("ReplacementTags", params["BulkEmailEntries"][0])

    @each_of(TEMPLATES)
    def test_a_value_that_does_not_fit_is_refused(self, way: Way) -> None:
        message = way.message(merge_metadata={"to@example.com": {"id": "7 8"}})
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "metadata 'id'"):
            send(message, way.backend, metadata_message_tags=["id"])

    def test_v1_templates_take_no_other_metadata(self) -> None:
        """Nothing else would carry it."""
        way = WAYS[1]
        for name, value in (
            ("metadata", {"plan": "pro", "user": "1"}),
            ("merge_metadata", {"to@example.com": {"plan": "pro", "user": "1"}}),
        ):
            message = way.message(**{name: value})
            with self.assertRaisesRegex(AnymailUnsupportedFeature, f"{name} with template"):
                send(message, V1Backend, metadata_message_tags=["plan"])
        sent = send(
            message, V1Backend, metadata_message_tags="plan", ignore_unsupported_features=True
        )
        [entry] = sent.params["Destinations"]
        self.assertEqual(entry["ReplacementTags"], [tag("plan", "pro")])


class EventTests(LocalSesTestCase):
    """Over HTTP, to the sandbox's SES: what its events report."""

    def test_message_tags_come_back_in_events(self) -> None:
        topic = self.amazon.topic()
        options: dict[str, Any] = {
            "client_params": {**CREDENTIALS, "endpoint_url": self.amazon.url},
            "configuration_set_name": self.amazon.configuration_set(topic, ["SEND"]),
            "metadata_message_tags": ["campaign", "user"],
        }
        template = self.create_template("Hello", Text="Dear reader")
        for backend in (V1Backend, V2Backend):
            raw = simple_message(metadata={"campaign": "spring", "note": "a b"})
            bulk = simple_message(
                subject="",
                body="",
                template_id=template,
                metadata={"campaign": "spring"},
                merge_metadata={"to@example.com": {"user": "7"}},
            )
            for message, expected in ((raw, {}), (bulk, {"user": ["7"]})):
                with self.subTest(backend.__module__, **expected):
                    backend(**options).send_messages([message])
                    mail = self.amazon.mail(str(message.anymail_status.message_id))
                    wait_until(lambda mail=mail: mail.events)
                    [document] = topic.documents()
                    event, *_ = tracking_events(SesNotification.from_sns(document, {}))
                    self.assertEqual(event.message_tags, {"campaign": ["spring"], **expected})
