"""Subscriptions: D15 and D16."""

from __future__ import annotations

import json

from django.test import override_settings

from anymail.aws_account.doctor.context import Options
from anymail.aws_account.doctor.filter_policies import dropped_types
from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.sandbox.aws.defaults import ACCOUNT, REGION

from . import fixes
from .events import EVERYTHING, QUEUE, SECRET, SITE, TRACKING, EventsTestCase

OURS = f"https://{SECRET}@www.example.com{TRACKING}"


class SubscriptionTestCase(EventsTestCase):
    """``--url`` is given, or not."""

    url: str | None = None

    def context(self, **given):
        return super().context(options=Options(url=self.url))

    def assert_fixed(self, id_: str, status: Status, text: str) -> None:
        result = self.check(id_)
        self.assert_status(status, result, text)
        self.fix(result)
        self.assert_status(Status.OK, self.check(id_))


class OwnTests(SubscriptionTestCase):
    def test_a_good_one(self):
        self.subscribe(OURS)
        self.assert_status(Status.OK, self.check("D15"), f"{SITE}{TRACKING} gets what events")

    def test_a_webhook_to_which_nobody_subscribed_the_topic(self):
        self.url = SITE
        self.assert_fixed("D15", Status.ERROR, "nothing of ours is subscribed to events")

    def test_events_that_go_to_eventbridge_only(self):
        bus = {"EventBusArn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"}
        self.amazon.client("sesv2").update_configuration_set_event_destination(
            ConfigurationSetName="shop",
            EventDestinationName="sns",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": list(EVERYTHING),
                "EventBridgeDestination": bus,
            },
        )
        self.assert_status(Status.NOT_USED, self.check("D15"), "EventBridge has the events")

    def test_neither_webhook_nor_queue(self):
        with override_settings(ROOT_URLCONF="tests.aws_account.doctor.no_webhooks"):
            result = self.check("D15")
        self.assert_status(Status.ERROR, result, "events are received nowhere")
        [fix] = fixes(result, FixKind.SETTING)
        self.assertEqual(fix.text, 'urlpatterns += [path("anymail/", include("anymail.urls"))]')

    def test_a_queue_that_is_not_subscribed(self):
        self.create_queue()
        self.use(AMAZON_SES_QUEUES=["events"])
        self.assert_fixed("D15", Status.ERROR, "nothing of ours is subscribed to events")

    def test_raw_delivery(self):
        self.subscribe(OURS, RawMessageDelivery="true")
        self.assert_fixed("D15", Status.ERROR, "has raw message delivery on")

    def test_raw_delivery_may_be_allowed(self):
        self.subscribe(OURS, RawMessageDelivery="true")
        self.use(AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY=True)
        self.assert_status(Status.OK, self.check("D15"))

    def test_a_subscription_that_was_not_confirmed(self):
        self.subscribe(OURS, confirmed=False)
        self.assert_fixed("D15", Status.ERROR, "has not confirmed its subscription")

    def test_a_site_that_is_not_to_confirm(self):
        self.subscribe(OURS, confirmed=False)
        self.use(AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS=False)
        [fix] = fixes(self.check("D15"), FixKind.SETTING)
        self.assertEqual(fix.text, 'ANYMAIL["AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS"] = True')

    def test_a_secret_without_a_colon(self):
        self.subscribe(OURS.replace("s3cr3t", "****"))
        self.use(WEBHOOK_SECRET="s3cr3t")
        self.assert_fixed("D15", Status.ERROR, "WEBHOOK_SECRET has no colon")

    def test_a_url_without_the_secret(self):
        self.subscribe(f"{SITE}{TRACKING}")
        self.assert_fixed("D15", Status.ERROR, "subscribed without the WEBHOOK_SECRET")

    def test_a_url_with_another_secret(self):
        self.subscribe(OURS.replace("s3cr3t", "old"))
        result = self.check("D15")
        self.assertNotIn("old", str(result.findings))
        self.assertNotIn("s3cr3t", str(result.findings))
        self.assert_fixed("D15", Status.ERROR, "subscribed with another WEBHOOK_SECRET")

    def test_a_password_that_sns_hides_is_taken_for_the_right_one(self):
        self.subscribe(OURS.replace("s3cr3t", "****"))
        self.assert_status(Status.OK, self.check("D15"))

    def test_a_filter_policy_that_drops_complaints(self):
        scope = {"FilterPolicyScope": "MessageBody"}
        self.subscribe(OURS, FilterPolicy=json.dumps({"eventType": ["Bounce"]}), **scope)
        self.assert_fixed("D15", Status.ERROR, f"the filter policy of {SITE}{TRACKING} drops")

    def test_more_subscriptions_than_fit_on_a_page(self):
        for number in range(150):
            self.subscribe(f"https://other.example.com/{number}/", confirmed=False)
        self.subscribe(OURS)
        self.assert_status(Status.OK, self.check("D15"))


class OtherTests(SubscriptionTestCase):
    def setUp(self):
        super().setUp()
        self.subscribe(OURS)

    def test_none(self):
        self.assert_status(Status.OK, self.check("D16"))

    def test_an_old_host(self):
        self.subscribe(OURS.replace("www.", "old."))
        self.url = SITE
        self.assert_fixed("D16", Status.WARNING, "another host gets the events, too")

    def test_several_hosts_of_which_nobody_says_which_is_ours(self):
        self.subscribe(OURS.replace("www.", "old."))
        self.assert_status(Status.WARNING, self.check("D16"), "several hosts get each event")

    def test_no_slash_at_the_end(self):
        self.subscribe(OURS.rstrip("/"))
        self.assert_fixed("D16", Status.ERROR, "has no slash at its end")

    def test_http(self):
        self.subscribe(OURS.replace("https:", "http:"))
        result = self.check("D16")
        self.assertIn("is not HTTPS", str(result.findings))
        self.fix(result)
        self.assert_status(Status.OK, self.check("D16"))

    def test_the_webhook_for_received_mail(self):
        self.subscribe(OURS.replace("tracking", "inbound"))
        self.assert_fixed("D16", Status.ERROR, "is for received mail, and events has events")

    def test_a_webhook_and_a_queue(self):
        self.create_queue()
        self.use(AMAZON_SES_QUEUES=["events"])
        self.subscribe(QUEUE)
        self.assert_fixed("D16", Status.WARNING, "each event comes to a webhook and to a queue")

    def test_the_same_url_with_two_secrets(self):
        self.subscribe(OURS.replace("s3cr3t", "old"))
        self.assert_fixed("D16", Status.WARNING, "is subscribed 2 times")


class FilterPolicyTests(EventsTestCase):
    def test_no_policy_drops_nothing(self):
        for text in ("", "{}"):
            self.assertEqual(dropped_types(text, "MessageAttributes", EVERYTHING), [])

    def test_messages_of_ses_have_no_attributes(self):
        policy = json.dumps({"store": ["a"]})
        self.assertEqual(dropped_types(policy, "MessageAttributes", ["BOUNCE"]), ["BOUNCE"])
        policy = json.dumps({"store": ["a", {"exists": False}]})
        self.assertEqual(dropped_types(policy, "MessageAttributes", ["BOUNCE"]), [])

    def test_types_have_other_names_in_messages(self):
        policy = json.dumps({"eventType": ["Rendering Failure", "DeliveryDelay", "Send"]})
        types = ["SEND", "RENDERING_FAILURE", "DELIVERY_DELAY", "OPEN"]
        self.assertEqual(dropped_types(policy, "MessageBody", types), ["OPEN"])

    def test_what_depends_on_more_is_unknown(self):
        for policy in (
            '{"mail": {"source": ["a"]}}',
            '{"eventType": [{"prefix": "B"}]}',
            "[",
            "[]",
        ):
            self.assertIsNone(dropped_types(policy, "MessageBody", ["BOUNCE"]))
