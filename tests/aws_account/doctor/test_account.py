"""Credentials, clock, and what SES lets the account send: D01 to D04."""

from datetime import datetime, timedelta, timezone
from unittest import mock

from anymail.aws_account.doctor.findings import FixKind, Status

from ...local_ses import RAW
from . import DoctorTestCase, fixes

NO_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class CredentialsTests(DoctorTestCase):
    def test_says_who_we_are(self):
        self.assert_status(
            Status.OK, self.check("D01"), "account 123456789012, us-east-1, as user/"
        )

    def test_without_credentials_says_where_boto3_looked(self):
        with mock.patch.dict("os.environ", NO_CREDENTIALS):
            context = self.context(AMAZON_SES_SESSION_PARAMS={"region_name": "us-east-1"})
            result = self.check("D01", context)
        self.assert_status(Status.ERROR, result, "Unable to locate credentials")
        self.assertIn("~/.aws/credentials", list(fixes(result, FixKind.ADVICE))[-1].text)


class ClockTests(DoctorTestCase):
    def test_is_right(self):
        self.assert_status(Status.OK, self.check("D02"))

    def test_is_wrong(self):
        context = self.context()
        context.now = datetime.now(timezone.utc) + timedelta(minutes=6)
        self.assert_status(Status.ERROR, self.check("D02", context), "6 min ahead")


class StatusTests(DoctorTestCase):
    def test_paused_sending(self):
        self.aws("aws sesv2 put-account-sending-attributes --no-sending-enabled")
        self.assert_fixed_by_command("D03", "sending is paused")

    def test_the_sandbox_of_ses(self):
        self.amazon.account["ProductionAccessEnabled"] = False
        result = self.check("D03")
        self.assert_status(Status.WARNING, result, "the account is in SES's sandbox")
        [fix] = fixes(result, FixKind.COMMAND)
        self.assertIn("put-account-details --production-access-enabled", fix.text)

    def test_amazon_has_not_decided_yet(self):
        review = {"ReviewDetails": {"Status": "PENDING"}}
        self.amazon.account.update(ProductionAccessEnabled=False, Details=review)
        self.assert_status(Status.WARNING, self.check("D03"), "Amazon is reviewing your request")

    def test_amazon_has_denied_production_access(self):
        review = {"ReviewDetails": {"Status": "DENIED"}}
        self.amazon.account.update(ProductionAccessEnabled=False, Details=review)
        self.assert_status(Status.WARNING, self.check("D03"), "has denied production access")

    def test_an_account_under_review(self):
        self.amazon.account["EnforcementStatus"] = "PROBATION"
        self.assert_status(Status.WARNING, self.check("D03"), "under review by Amazon (PROBATION)")

    def test_an_account_that_amazon_has_shut_down(self):
        self.amazon.account["EnforcementStatus"] = "SHUTDOWN"
        self.assert_status(Status.ERROR, self.check("D03"), "Amazon has shut sending down")


class QuotaTests(DoctorTestCase):
    def send(self, count: int) -> None:
        """Send messages, of five that the daily quota has."""
        self.amazon.account["SendQuota"] = {"Max24HourSend": 5.0, "MaxSendRate": 14.0}
        for _ in range(count):
            self.amazon.client("sesv2").send_email(
                FromEmailAddress="shop@example.com",
                Destination={"ToAddresses": ["ann@example.net"]},
                Content={"Raw": {"Data": RAW}},
            )

    def test_a_quota_that_is_nearly_used_up(self):
        self.send(4)
        self.assert_status(Status.WARNING, self.check("D04"), "nearly used up: 4 of 5 recipients")

    def test_a_quota_that_is_used_up(self):
        self.send(5)
        self.assert_status(Status.ERROR, self.check("D04"), "used up: 5 of 5 recipients")

    def test_a_quota_without_limit(self):
        self.amazon.account["SendQuota"] = {"Max24HourSend": -1.0, "MaxSendRate": 14.0}
        self.assert_status(Status.OK, self.check("D04"), "no daily limit")

    def test_a_rate_above_that_of_ses(self):
        context = self.context(AMAZON_SES_MAX_SEND_RATE=1_000_000)
        result = self.check("D04", context)
        self.assert_status(Status.WARNING, result, "AMAZON_SES_MAX_SEND_RATE is 1,000,000, ")
        [fix] = fixes(result, FixKind.SETTING)
        rate = float(fix.text.rpartition("=")[2])
        context = self.context(AMAZON_SES_MAX_SEND_RATE=rate)
        self.assert_status(Status.OK, self.check("D04", context))
