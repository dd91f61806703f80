"""The webhook from outside, and the certificates of SNS: D17 and D18."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from unittest import mock

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import override_settings

from anymail.aws_account.doctor import sns_requests
from anymail.aws_account.doctor.context import Options
from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.sandbox.servers import serve
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

from ...amazon_ses.test_certificates import https_server
from ...local_sns import reserved_port, webhook
from ...sns_samples import certificate
from . import fixes
from .events import TRACKING, EventsTestCase

COMMON = ["django.middleware.common.CommonMiddleware"]
CHALLENGE = {"WWW-Authenticate": 'Basic realm="x"'}
SNS_HOST = "anymail.aws_account.doctor.checks.certificates.sns_host"


class WebhookTestCase(EventsTestCase):
    """The doctor is told a URL."""

    url: str | None = None

    def setUp(self):
        super().setUp()
        logger = logging.getLogger("django.request")
        logger.setLevel(logging.CRITICAL)
        self.addCleanup(logger.setLevel, logging.NOTSET)

    def context(self, **given):
        return super().context(options=Options(url=self.url))

    def look_at(self, url: str):
        self.url = url
        return self.check("D17")

    def look_at_answers(self, *answers):
        with webhook(*answers) as made:
            return self.look_at(made.url)


class OurSiteTests(WebhookTestCase):
    """The site of this project runs, with settings that may be others than the doctor's."""

    @contextmanager
    def site(self, **settings):
        with override_settings(**settings), serve(WSGIHandler(), "127.0.0.1", 0) as url:
            yield url

    def test_it_is_only_called_with_url(self):
        self.assert_status(Status.NOT_USED, self.check("D17"), "anymail_doctor --url https://")

    def test_a_good_one(self):
        with self.site() as url:
            result = self.look_at(url)
        self.assert_status(Status.OK, result, "answers as SNS needs it (on this machine")

    def test_the_url_of_the_webhook_itself(self):
        with self.site() as url:
            self.assert_status(Status.OK, self.look_at(f"{url}{TRACKING}"), TRACKING)

    def test_a_url_that_is_no_webhook(self):
        with self.site() as url:
            result = self.look_at(f"{url}/admin/")
        self.assert_status(Status.ERROR, result, "the URLconf has no webhook at")

    def test_without_a_secret(self):
        self.use(WEBHOOK_SECRET=None, AMAZON_SES_SNS_TOPIC_ARNS=["arn:aws:sns:x:1:y"])
        with self.site() as url:
            self.assert_status(Status.OK, self.look_at(url))

    def test_a_site_that_was_deployed_without_the_secret(self):
        with (
            self.site() as url,
            mock.patch.object(AmazonSESTrackingWebhookView, "authenticate", return_value=None),
        ):
            result = self.look_at(url)
        self.assert_status(Status.ERROR, result, "asks for no secret, and these settings have one")

    def test_a_site_that_was_deployed_with_another_secret(self):
        with (
            self.site() as url,
            mock.patch.object(AmazonSESTrackingWebhookView, "knows_secret", return_value=False),
        ):
            result = self.look_at(url)
        self.assert_status(Status.ERROR, result, "has another WEBHOOK_SECRET than these settings")

    def test_allowed_hosts(self):
        with self.site(ALLOWED_HOSTS=["www.example.com"], MIDDLEWARE=COMMON) as url:
            result = self.look_at(url)
        self.assert_status(Status.ERROR, result, "Django refuses the host")
        [fix] = fixes(result, FixKind.SETTING)
        hosts = ["www.example.com"]
        exec(fix.text, {"ALLOWED_HOSTS": hosts})
        with self.site(ALLOWED_HOSTS=hosts, MIDDLEWARE=COMMON) as url:
            self.assert_status(Status.OK, self.look_at(url))

    def test_pages_of_debug(self):
        with self.site(ALLOWED_HOSTS=["www.example.com"], MIDDLEWARE=COMMON, DEBUG=True) as url:
            result = self.look_at(url)
        self.assertIn("shows pages of DEBUG", str(result.findings))

    def test_a_site_that_was_not_deployed(self):
        with self.site(ROOT_URLCONF="tests.aws_account.doctor.no_webhooks") as url:
            self.url = url
            with override_settings(ROOT_URLCONF="tests.urls"):
                context = self.context()
                from anymail.aws_account.doctor.webhooks import event_webhooks

                ours = event_webhooks()
            with mock.patch(
                "anymail.aws_account.doctor.receivers.event_webhooks", return_value=ours
            ):
                result = self.check("D17", context)
        self.assert_status(Status.ERROR, result, "does not exist (404)")

    def test_middleware_that_asks_for_a_login(self):
        middleware = ["tests.aws_account.doctor.test_webhook.login_middleware"]
        with self.site(MIDDLEWARE=middleware) as url:
            self.assert_status(Status.ERROR, self.look_at(url), "redirects to a login: /login/")

    def test_middleware_that_asks_for_a_csrf_token(self):
        middleware = ["tests.aws_account.doctor.test_webhook.csrf_middleware"]
        with self.site(MIDDLEWARE=middleware) as url:
            self.assert_status(Status.ERROR, self.look_at(url), "asks for a CSRF token")


class BrokenSiteTests(WebhookTestCase):
    """Something else than our site answers."""

    def test_redirects(self):
        result = self.look_at_answers((301, {"Location": "https://www.example.com/x/?a=b"}))
        self.assert_status(Status.ERROR, result, "redirects to HTTPS")
        result = self.look_at_answers((302, {"Location": "/elsewhere/"}))
        self.assert_status(Status.ERROR, result, "redirects to /elsewhere/")

    def test_401_without_a_challenge(self):
        result = self.look_at_answers((401, {}))
        self.assert_status(Status.ERROR, result, "answers 401 without a challenge")

    def test_a_proxy_that_drops_the_secret(self):
        result = self.look_at_answers((401, CHALLENGE), (401, CHALLENGE))
        self.assert_status(Status.ERROR, result, "a proxy drops the Authorization")

    def test_a_firewall(self):
        result = self.look_at_answers(403)
        self.assert_status(Status.ERROR, result, "is forbidden (403), not by the webhook")

    def test_something_that_takes_everything(self):
        self.assert_status(Status.ERROR, self.look_at_answers(200), "takes anything from anybody")

    def test_a_proxy_without_a_site_behind_it(self):
        self.assert_status(Status.ERROR, self.look_at_answers(502), "answers 502")

    def test_nothing_listens(self):
        with reserved_port() as port:
            result = self.look_at(f"http://127.0.0.1:{port}")
        self.assert_status(Status.ERROR, result, "it cannot be reached")

    def test_it_is_slow(self):
        import time

        with (
            mock.patch.object(sns_requests, "PATIENCE", 0.2),
            webhook(before=lambda number: time.sleep(1)) as made,
        ):
            result = self.look_at(made.url)
        self.assert_status(Status.ERROR, result, "it does not answer within")

    def test_a_certificate_that_nobody_signed(self):
        with https_server() as url:
            del os.environ["REQUESTS_CA_BUNDLE"]
            result = self.look_at(url)
        self.assert_status(Status.ERROR, result, "its TLS certificate is not valid: self")

    def test_a_certificate_that_is_trusted(self):
        with https_server() as url:
            self.assert_status(Status.ERROR, self.look_at(url), "answers 501")

    def test_the_secret_is_shown_nowhere(self):
        with reserved_port() as port:
            result = self.look_at(f"http://sns:s3cr3t@127.0.0.1:{port}")
        self.assertNotIn("s3cr3t", str(result.findings))


class CertificateTests(EventsTestCase):
    """D18."""

    def look_at(self, url: str):
        with mock.patch(SNS_HOST, return_value=url.removeprefix("https://")):
            return self.check("D18")

    def test_the_host_can_be_reached(self):
        with https_server() as url:
            self.assert_status(Status.OK, self.look_at(url), "can be reached")

    def test_the_host_cannot_be_reached(self):
        with reserved_port() as port:
            result = self.look_at(f"127.0.0.1:{port}")
        self.assert_status(Status.ERROR, result, "certificates cannot be fetched from")

    def test_a_proxy_that_opens_tls(self):
        with https_server() as url:
            del os.environ["REQUESTS_CA_BUNDLE"]
            self.assert_status(Status.ERROR, self.look_at(url), "its TLS certificate")

    def test_certificates_in_the_settings(self):
        self.use(AMAZON_SES_SNS_CERTIFICATES={"https://x/a.pem": certificate("expired")})
        self.assert_status(Status.ERROR, self.check("D18"), "a.pem is of no use")

    def test_signatures_that_are_not_checked(self):
        self.use(AMAZON_SES_VERIFY_SNS_SIGNATURES=False)
        self.assert_status(Status.NOT_USED, self.check("D18"))


def login_middleware(get_response):
    def middleware(request):
        return HttpResponse(status=302, headers={"Location": "/login/?next=/"})

    return middleware


def csrf_middleware(get_response):
    def middleware(request):
        return HttpResponse("CSRF verification failed. Request aborted.", status=403)

    return middleware
