"""What tests of the doctor share about the way of events: a project that sends and receives."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from unittest import mock

from anymail.aws_account.doctor.check import Result
from anymail.aws_account.doctor.checks.configuration_sets import ADVISED_TYPES, NEEDED_TYPES
from anymail.aws_account.doctor.context import Context, Options
from anymail.aws_account.doctor.findings import FixKind
from anymail.checks.mailers import amazon_ses_backend
from anymail.sandbox.aws.defaults import ACCOUNT, REGION

from . import DoctorTestCase, fixes

SECRET = "sns:s3cr3t"
SITE = "https://www.example.com"
TRACKING = "/anymail/amazon_ses/tracking/"
EVERYTHING = (*NEEDED_TYPES, *ADVISED_TYPES, "SEND")
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:events"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:events"
SETTING = re.compile(r'ANYMAIL\["(\w+)"\] = (.+)')


class EventsTestCase(DoctorTestCase):
    """The account has a configuration set that publishes to a topic."""

    def setUp(self) -> None:
        super().setUp()
        # The sandbox takes webhooks on this machine only.
        check_site = mock.patch("anymail.sandbox.aws.sns.local_sns.check_site")
        posts = mock.patch("anymail.sandbox.aws.sns.subscription.Subscription._work")
        for patch in (check_site, posts):
            patch.start()
            self.addCleanup(patch.stop)
        self.settings: dict[str, Any] = {}
        self.use(AMAZON_SES_CONFIGURATION_SET_NAME="shop", WEBHOOK_SECRET=SECRET)
        self.create_topic()
        self.create_set()

    def use(self, **settings: Any) -> None:
        """Change settings of the project."""
        self.settings.update(settings)
        project = self.project(**self.settings)
        project.enable()
        self.addCleanup(project.disable)

    def context(self, *, options: Options | None = None, **settings: Any) -> Context:
        """A run of the doctor with the project's settings."""
        settings_in_use = amazon_ses_backend().settings
        return Context(settings=settings_in_use, options=options or Options())

    def create_topic(self, **attributes: str) -> None:
        """The topic that events come to."""
        sns = self.amazon.client("sns")
        sns.create_topic(Name="events", Attributes={"SignatureVersion": "2", **attributes})

    def create_set(self, topic: str = TOPIC, types: Any = EVERYTHING) -> None:
        """The configuration set, which publishes to it."""
        sesv2 = self.amazon.client("sesv2")
        sesv2.create_configuration_set(ConfigurationSetName="shop")
        sns = {"SnsDestination": {"TopicArn": topic}}
        with mock.patch("anymail.sandbox.aws.ses.configuration_sets.VALIDATION", "valid"):
            sesv2.create_configuration_set_event_destination(
                ConfigurationSetName="shop",
                EventDestinationName="sns",
                EventDestination={"Enabled": True, "MatchingEventTypes": list(types), **sns},
            )

    def subscribe(self, endpoint: str, *, confirmed: bool = True, **attributes: str) -> str:
        """Subscribe something to the topic; gives the ARN."""
        protocol = "sqs" if endpoint.startswith("arn:") else endpoint.partition(":")[0]
        sns = self.amazon.client("sns")
        arn = sns.subscribe(
            TopicArn=TOPIC,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        if confirmed:
            self.confirm_all()
        return arn

    def confirm_all(self) -> None:
        """Every webhook confirms, as a site does that is there."""
        from moto.sns.models import sns_backends

        for one in sns_backends[ACCOUNT][REGION].subscriptions.values():
            one.attributes["PendingConfirmation"] = False

    def create_queue(self, **attributes: str) -> str:
        """The queue that events come to; gives its URL."""
        sqs = self.amazon.client("sqs")
        return sqs.create_queue(QueueName="events", Attributes=attributes)["QueueUrl"]

    def fix(self, result: Result) -> None:
        """Do what a check says: type its commands into a shell, and change settings."""
        for one in fixes(result, FixKind.COMMAND):
            with mock.patch.dict(os.environ, {"WEBHOOK_SECRET": SECRET}):
                self.aws(os.path.expandvars(one.text))
        for one in fixes(result, FixKind.SETTING):
            match = SETTING.fullmatch(one.text)
            assert match is not None, one.text
            value = json.loads(match[2].replace("True", "true"))
            self.use(**{match[1]: value})
        self.confirm_all()
