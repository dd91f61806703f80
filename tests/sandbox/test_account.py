"""anymail.sandbox.aws: the account and its suppression list, configuration sets, tags, tenants."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ..local_ses import CUSTOMER, SENDER, LocalSesTestCase, unique
from ..local_sns import wait_until

TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


class AccountTestCase(LocalSesTestCase):
    def tearDown(self) -> None:
        self.amazon.state.accounts.clear()
        super().tearDown()


class AccountTests(AccountTestCase):
    """What Amazon says of the account."""

    def test_it_is_in_good_standing_and_suppresses_as_new_accounts_do(self):
        found = self.sesv2.get_account()
        self.assertEqual(found["EnforcementStatus"], "HEALTHY")
        self.assertIs(found["ProductionAccessEnabled"], True)
        self.assertEqual(found["Details"]["ReviewDetails"]["Status"], "GRANTED")
        reasons = found["SuppressionAttributes"]["SuppressedReasons"]
        self.assertEqual(reasons, ["BOUNCE", "COMPLAINT"])

    def test_all_of_it_can_be_changed_in_one_region(self):
        quota = {"Max24HourSend": 200.0, "MaxSendRate": 1.0}
        self.amazon.account.update(EnforcementStatus="PROBATION", SendQuota=quota)
        found = self.sesv2.get_account()
        self.assertEqual(found["EnforcementStatus"], "PROBATION")
        self.assertEqual(found["SendQuota"]["Max24HourSend"], 200)
        self.assertEqual(self.ses.get_send_quota()["MaxSendRate"], 1)
        elsewhere = self.amazon.client("sesv2", "eu-west-1").get_account()
        self.assertEqual(elsewhere["EnforcementStatus"], "HEALTHY")

    def test_one_that_is_shut_down_does_not_send(self):
        self.amazon.account["EnforcementStatus"] = "SHUTDOWN"
        self.assertIs(self.sesv2.get_account()["SendingEnabled"], False)
        self.assertEqual(self.refusal(self.send_raw_v2)[0], "SendingPausedException")

    def test_without_production_access_mail_goes_to_verified_addresses_only(self):
        self.amazon.account["ProductionAccessEnabled"] = False
        code, _, text = self.refusal(self.send_raw_v2)
        self.assertEqual(code, "MessageRejected")
        self.assertIn(f"failed the check in region US-EAST-1: {CUSTOMER}", text)
        self.send_raw(Destinations=["success@simulator.amazonses.com"])
        self.sesv2.create_email_identity(EmailIdentity=CUSTOMER)
        self.send_raw_v2()
        self.sesv2.delete_email_identity(EmailIdentity=CUSTOMER)

    def test_production_access_is_asked_for(self):
        self.amazon.account.update(ProductionAccessEnabled=False, Details={})
        details = {
            "MailType": "MARKETING",
            "WebsiteURL": "https://shop.example",
            "ProductionAccessEnabled": True,
        }
        self.sesv2.put_account_details(**details)
        found = self.sesv2.get_account()
        self.assertIs(found["ProductionAccessEnabled"], False)  # a person decides
        self.assertEqual(found["Details"]["MailType"], "MARKETING")
        self.assertEqual(found["Details"]["ReviewDetails"]["Status"], "PENDING")
        self.assertRegex(found["Details"]["ReviewDetails"]["CaseId"], r"\A\d{10}\Z")
        code, status, _ = self.refusal(self.sesv2.put_account_details, **details)
        self.assertEqual((code, status), ("ConflictException", 409))

    def test_recommendations(self):
        self.assertEqual(self.sesv2.list_recommendations()["Recommendations"], [])
        arn = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
        at = datetime(2026, 3, 4, tzinfo=timezone.utc)
        dkim, dmarc = (
            {
                "ResourceArn": arn,
                "Type": kind,
                "Description": "Do it.",
                "Status": "OPEN",
                "Impact": impact,
                "CreatedTimestamp": at,
                "LastUpdatedTimestamp": at,
            }
            for kind, impact in (("DKIM", "HIGH"), ("DMARC", "LOW"))
        )
        self.amazon.state.recommendations.extend([dkim, dmarc])
        self.addCleanup(self.amazon.state.recommendations.clear)
        for given, expected in (
            ({}, [dkim, dmarc]),
            ({"Filter": {"TYPE": "DMARC"}}, [dmarc]),
            ({"Filter": {"STATUS": "OPEN", "IMPACT": "HIGH"}}, [dkim]),
            ({"Filter": {"STATUS": "FIXED"}}, []),
            ({"PageSize": 1}, [dkim]),
        ):
            with self.subTest(given):
                found = self.sesv2.list_recommendations(**given)["Recommendations"]
                self.assertEqual(found, expected)


class SuppressionListTests(AccountTestCase):
    """SES sends nothing to an address that is on the list."""

    def put(self, address: str, reason: str = "BOUNCE") -> None:
        self.sesv2.put_suppressed_destination(EmailAddress=address, Reason=reason)

    def get(self, address: str) -> dict[str, Any]:
        return self.sesv2.get_suppressed_destination(EmailAddress=address)["SuppressedDestination"]

    def listed(self, **params: Any) -> list[str]:
        found = self.sesv2.list_suppressed_destinations(**params)
        return [one["EmailAddress"] for one in found["SuppressedDestinationSummaries"]]

    def setUp(self) -> None:
        self.amazon.state.suppression.entries.clear()

    def test_put_get_and_delete(self):
        self.put(CUSTOMER, "COMPLAINT")
        found = self.get("ann@EXAMPLE.net")
        self.assertEqual((found["EmailAddress"], found["Reason"]), (CUSTOMER, "COMPLAINT"))
        code, _, _ = self.refusal(self.get, "Ann@example.net")
        self.assertEqual(code, "NotFoundException")
        self.sesv2.delete_suppressed_destination(EmailAddress=CUSTOMER)
        for call in (
            self.sesv2.get_suppressed_destination,
            self.sesv2.delete_suppressed_destination,
        ):
            code, status, _ = self.refusal(call, EmailAddress=CUSTOMER)
            self.assertEqual((code, status), ("NotFoundException", 404))
        code, _, _ = self.refusal(self.put, "ann")
        self.assertEqual(code, "BadRequestException")

    def test_lists_are_filtered_and_paged(self):
        for number in range(5):
            self.put(f"{number}@example.net", "COMPLAINT" if number % 2 else "BOUNCE")
        first = self.sesv2.list_suppressed_destinations(PageSize=3)
        self.assertEqual(len(first["SuppressedDestinationSummaries"]), 3)
        rest = self.listed(PageSize=3, NextToken=first["NextToken"])
        self.assertEqual(rest, ["3@example.net", "4@example.net"])
        self.assertEqual(self.listed(Reasons=["COMPLAINT"]), ["1@example.net", "3@example.net"])
        code, _, _ = self.refusal(self.listed, NextToken="?")
        self.assertEqual(code, "InvalidNextTokenException")

    def test_lists_have_a_beginning_and_an_end(self):
        self.put(CUSTOMER)
        now, hour = datetime.now(timezone.utc), timedelta(hours=1)
        for given, expected in (
            ({"StartDate": now - hour, "EndDate": now + hour}, [CUSTOMER]),
            ({"StartDate": now + hour}, []),
            ({"EndDate": now - hour}, []),
        ):
            self.assertEqual(self.listed(**given), expected)

    def test_mail_to_who_is_on_it_is_accepted_and_bounces(self):
        self.put("Ann@Example.net")
        mail = self.amazon.wait_for(self.send_raw_v2(), "Send", "Bounce")
        bounce = mail.events[1].document["bounce"]
        self.assertEqual(bounce["bounceType"], "Permanent")
        self.assertEqual(bounce["bounceSubType"], "OnAccountSuppressionList")
        [recipient] = bounce["bouncedRecipients"]
        self.assertEqual(recipient["emailAddress"], CUSTOMER)
        self.assertIn("suppression list for your account", recipient["diagnosticCode"])

    def test_only_reasons_that_count_suppress(self):
        self.put(CUSTOMER, "COMPLAINT")
        self.sesv2.put_account_suppression_attributes(SuppressedReasons=["BOUNCE"])
        reasons = self.sesv2.get_account()["SuppressionAttributes"]["SuppressedReasons"]
        self.assertEqual(reasons, ["BOUNCE"])
        self.amazon.wait_for(self.send_raw_v2(), "Send", "Delivery")

    def test_a_configuration_set_decides_for_its_mail(self):
        self.put(CUSTOMER)
        name = self.amazon.configuration_set()
        self.sesv2.put_configuration_set_suppression_options(ConfigurationSetName=name)
        message_id = self.send_raw_v2(ConfigurationSetName=name)
        self.amazon.wait_for(message_id, "Send", "Delivery")
        self.sesv2.put_configuration_set_suppression_options(
            ConfigurationSetName=name, SuppressedReasons=["BOUNCE"]
        )
        message_id = self.send_raw_v2(ConfigurationSetName=name)
        self.amazon.wait_for(message_id, "Send", "Bounce")

    def test_a_domain_that_cannot_exist_bounces_and_is_put_there(self):
        message_id = self.send_raw(Destinations=["ann@shop.invalid"])
        mail = self.amazon.wait_for(message_id, "Send", "Bounce")
        self.assertEqual(mail.events[1].document["bounce"]["bounceSubType"], "General")
        found = self.get("ann@shop.invalid")
        self.assertEqual(found["Reason"], "BOUNCE")
        self.assertEqual(found["Attributes"]["MessageId"], message_id)

    def test_it_is_not_put_there_if_the_account_does_not_want_it(self):
        self.sesv2.put_account_suppression_attributes()
        self.amazon.wait_for(self.send_raw(Destinations=["ann@shop.invalid"]), "Send", "Bounce")
        self.assertEqual(self.listed(), [])

    def test_the_simulator_is_never_put_there(self):
        message_id = self.send_raw(Destinations=["bounce@simulator.amazonses.com"])
        self.amazon.wait_for(message_id, "Send", "Bounce")
        wait_until(lambda: self.listed() == [])


class ConfigurationSetTests(AccountTestCase):
    """Everything that a configuration set has."""

    def get(self, name: str) -> dict[str, Any]:
        found = self.sesv2.get_configuration_set(ConfigurationSetName=name)
        del found["ResponseMetadata"]
        return found

    def test_what_a_new_one_has(self):
        name = self.amazon.configuration_set()
        expected = {
            "ConfigurationSetName": name,
            "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
            "ReputationOptions": {"ReputationMetricsEnabled": False},
            "SendingOptions": {"SendingEnabled": True},
            "Tags": [],
        }
        self.assertEqual(self.get(name), expected)

    def test_what_it_is_created_with(self):
        options = {
            "TrackingOptions": {"CustomRedirectDomain": "links.example.com"},
            "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
            "ReputationOptions": {"ReputationMetricsEnabled": True},
            "SendingOptions": {"SendingEnabled": False},
            "SuppressionOptions": {"SuppressedReasons": ["COMPLAINT"]},
            "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
            "Tags": TAGS,
        }
        name = unique("set")
        self.sesv2.create_configuration_set(ConfigurationSetName=name, **options)
        self.assertEqual(self.get(name), {"ConfigurationSetName": name, **options})

    def test_what_can_be_set(self):
        name = self.amazon.configuration_set()
        engagement = {"DashboardOptions": {"EngagementMetrics": "ENABLED"}}
        for call, given, options in (
            ("sending", {}, {"SendingOptions": {"SendingEnabled": False}}),
            ("sending", {"SendingEnabled": True}, {"SendingOptions": {"SendingEnabled": True}}),
            ("suppression", {}, {"SuppressionOptions": {"SuppressedReasons": []}}),
            ("delivery", {"TlsPolicy": "REQUIRE"}, {"DeliveryOptions": {"TlsPolicy": "REQUIRE"}}),
            (
                "reputation",
                {"ReputationMetricsEnabled": True},
                {"ReputationOptions": {"ReputationMetricsEnabled": True}},
            ),
            (
                "tracking",
                {"CustomRedirectDomain": "links.example.com"},
                {"TrackingOptions": {"CustomRedirectDomain": "links.example.com"}},
            ),
            ("vdm", {"VdmOptions": engagement}, {"VdmOptions": engagement}),
        ):
            with self.subTest(call=call, given=given):
                put = getattr(self.sesv2, f"put_configuration_set_{call}_options")
                put(ConfigurationSetName=name, **given)
                self.assertLessEqual(options.items(), self.get(name).items())
                self.assertEqual(self.refusal(put, ConfigurationSetName="none")[1], 404)

    def test_v1_sets_some_of_it(self):
        name = self.amazon.configuration_set()
        self.ses.update_configuration_set_reputation_metrics_enabled(
            ConfigurationSetName=name, Enabled=True
        )
        self.ses.put_configuration_set_delivery_options(
            ConfigurationSetName=name, DeliveryOptions={"TlsPolicy": "Require"}
        )
        found = self.get(name)
        self.assertIs(found["ReputationOptions"]["ReputationMetricsEnabled"], True)
        self.assertEqual(found["DeliveryOptions"]["TlsPolicy"], "REQUIRE")

    def test_one_that_is_paused_does_not_send(self):
        name = self.amazon.configuration_set()
        self.ses.update_configuration_set_sending_enabled(ConfigurationSetName=name, Enabled=False)
        code = self.refusal(self.send_raw, ConfigurationSetName=name)[0]
        self.assertEqual(code, "ConfigurationSetSendingPausedException")
        code, _, text = self.refusal(self.send_raw_v2, ConfigurationSetName=name)
        self.assertEqual(code, "SendingPausedException")
        self.assertIn(name, text)
        self.send_raw_v2()

    def test_lists(self):
        name = self.amazon.configuration_set()
        self.assertIn(name, self.sesv2.list_configuration_sets()["ConfigurationSets"])
        self.assertIn({"Name": name}, self.ses.list_configuration_sets()["ConfigurationSets"])
        page = self.sesv2.list_configuration_sets(PageSize=1)
        self.assertEqual(len(page["ConfigurationSets"]), 1)


class TagTests(AccountTestCase):
    def test_of_everything_that_is_made_here(self):
        name = unique("tagged")
        self.sesv2.create_email_identity(EmailIdentity=f"{name}.example", Tags=TAGS)
        self.sesv2.create_configuration_set(ConfigurationSetName=name, Tags=TAGS)
        tenant = self.sesv2.create_tenant(TenantName=name, Tags=TAGS)["TenantArn"]
        self.addCleanup(self.sesv2.delete_tenant, TenantName=name)
        account = "arn:aws:ses:us-east-1:123456789012"
        for arn in (
            f"{account}:identity/{name}.example",
            f"{account}:configuration-set/{name}",
            tenant,
        ):
            with self.subTest(arn):
                self.assertEqual(self.tags_of(arn), TAGS)
                more = [{"Key": "a", "Value": "3"}, {"Key": "c", "Value": "4"}]
                self.sesv2.tag_resource(ResourceArn=arn, Tags=more)
                self.sesv2.untag_resource(ResourceArn=arn, TagKeys=["b"])
                self.assertEqual(self.tags_of(arn), more)
        found = self.sesv2.get_email_identity(EmailIdentity=f"{name}.example")
        self.assertEqual(found["Tags"], more)

    def test_of_what_does_not_exist(self):
        arn = "arn:aws:ses:us-east-1:123456789012:identity/none.example"
        self.assertEqual(self.refusal(self.tags_of, arn)[0], "NotFoundException")

    def tags_of(self, arn: str) -> list[dict[str, str]]:
        return self.sesv2.list_tags_for_resource(ResourceArn=arn)["Tags"]


class TenantResourceTests(AccountTestCase):
    def test_they_are_listed_by_kind(self):
        name, account = unique("tenant"), "arn:aws:ses:us-east-1:123456789012"
        self.sesv2.create_tenant(TenantName=name)
        self.addCleanup(self.sesv2.delete_tenant, TenantName=name)
        identity = f"{account}:identity/{SENDER}"
        arns = [f"{account}:configuration-set/{self.amazon.configuration_set()}", identity]
        for arn in arns:
            self.sesv2.create_tenant_resource_association(TenantName=name, ResourceArn=arn)
        found = self.sesv2.list_tenant_resources(TenantName=name)["TenantResources"]
        self.assertEqual([one["ResourceArn"] for one in found], arns)
        found = self.sesv2.list_tenant_resources(
            TenantName=name, Filter={"RESOURCE_TYPE": "EMAIL_IDENTITY"}
        )["TenantResources"]
        self.assertEqual(found, [{"ResourceType": "EMAIL_IDENTITY", "ResourceArn": identity}])
        code = self.refusal(self.sesv2.list_tenant_resources, TenantName="none")[0]
        self.assertEqual(code, "NotFoundException")
