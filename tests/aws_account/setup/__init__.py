"""What tests of the set-up share."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from typing import Any

from django.core.management import call_command
from django.test import override_settings
from moto.backends import get_backend

from anymail.sandbox.aws.defaults import ACCOUNT

from .. import REGION, AwsAccountTestCase, empty_account
from .snapshots import snapshot

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-events"
BUCKET = f"ses-events-inbound-{ACCOUNT}-{REGION}"
#: All parts, with everything that they can have.
EVERYTHING = (
    *("--sending", "--tracking", "--queue", "--inbound"),
    *("--receive-domain", "example.org", "--url", "https://127.0.0.1:9"),
)


class SetupTestCase(AwsAccountTestCase):
    """Tests that run ``anymail_setup`` against an account on loopback, empty at first."""

    def setUp(self) -> None:
        super().setUp()
        # Once: boto3's clients, which are slow to make, are dropped whenever a setting changes.
        project = override_settings(
            ANYMAIL=self.anymail(), DEFAULT_FROM_EMAIL="Shop <shop@example.com>"
        )
        project.enable()
        self.addCleanup(project.disable)

    def set_up(self, *arguments: str, **settings: Any) -> str:
        """Run the command; gives what it prints.

        :param settings: those in ``ANYMAIL``.
        """
        output = io.StringIO()
        with override_settings(ANYMAIL=self.anymail(**settings)) if settings else nullcontext():
            call_command("anymail_setup", *arguments, stdout=output)
        return output.getvalue()

    def apply(self, *arguments: str, **settings: Any) -> str:
        """Run it with ``--apply``, without a question."""
        return self.set_up("--apply", "--no-input", *arguments, **settings)

    def empty(self) -> None:
        """Forget what is in the account, and what the sandbox keeps beside moto."""
        self.amazon.state.identities.known.clear()
        self.amazon.state.configuration_sets.clear()
        self.amazon.publisher.destinations.clear()
        empty_account()

    def boto(self, service: str) -> Any:
        """A boto3 client."""
        return self.amazon.client(service)

    def policy_of_topic(self, arn: str = TOPIC) -> Any:
        """The policy of a topic."""
        found = self.boto("sns").get_topic_attributes(TopicArn=arn)
        return json.loads(found["Attributes"]["Policy"])

    def attributes_of_queue(self, name: str = "ses-events") -> dict[str, str]:
        """The attributes of a queue."""
        found: dict[str, str] = self.boto("sqs").get_queue_attributes(
            QueueUrl=f"{self.amazon.url}/{ACCOUNT}/{name}", AttributeNames=["All"]
        )["Attributes"]
        return found

    def destinations(self, name: str = "ses-events") -> list[Any]:
        """The event destinations of a configuration set."""
        found: list[Any] = self.boto("sesv2").get_configuration_set_event_destinations(
            ConfigurationSetName=name
        )["EventDestinations"]
        return found

    def snapshot(self) -> dict[str, Any]:
        """Everything that is in the account."""
        return snapshot(self.amazon.client)

    def subscriptions(self) -> list[Any]:
        """What is subscribed to any topic."""
        found: list[Any] = self.boto("sns").list_subscriptions()["Subscriptions"]
        return found

    def confirm_webhooks(self) -> None:
        """Do what webhooks do when they are asked, with the tokens that SNS has posted."""
        backend = get_backend("sns")[ACCOUNT][REGION]
        for one in backend.subscriptions.values():
            if one.protocol in ("http", "https"):
                self.boto("sns").confirm_subscription(TopicArn=one.topic.arn, Token=one.token)
