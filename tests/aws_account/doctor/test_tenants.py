"""Tenants: D27."""

from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class TenantTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.amazon.identity("example.com")
        self.set_name = self.amazon.configuration_set()
        self.used = {
            "AMAZON_SES_TENANT": "shop",
            "AMAZON_SES_CONFIGURATION_SET_NAME": self.set_name,
        }

    def test_none(self):
        self.assert_status(Status.NOT_USED, self.check("D27"))

    def test_a_function_chooses(self):
        context = self.context(AMAZON_SES_TENANT="tests.settings.tenant")
        self.assert_status(Status.NOT_CHECKED, self.check("D27", context), "a function chooses")

    def test_a_tenant_that_does_not_exist(self):
        result = self.check("D27", self.context(**self.used))
        self.assert_status(Status.ERROR, result, "there is no tenant shop in us-east-1")
        for fix in fixes(result, FixKind.COMMAND):
            self.aws(fix.text)
        result = self.check("D27", self.context(**self.used))
        self.assert_status(Status.OK, result, "shop may use what the settings name")

    def test_a_tenant_that_may_not_use_what_the_settings_name(self):
        self.aws("aws sesv2 create-tenant --tenant-name shop")
        result = self.check("D27", self.context(**self.used))
        names = f"identity/example.com, configuration-set/{self.set_name}"
        self.assert_status(Status.ERROR, result, f"shop may not use {names}")
        for fix in fixes(result, FixKind.COMMAND):
            self.aws(fix.text)
        self.assert_status(Status.OK, self.check("D27", self.context(**self.used)))
