"""Export jobs of the sandbox's SES."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import requests

from anymail.sandbox.journal import now

from ..local_ses import CUSTOMER, LocalSesTestCase

GONE = "bounce@simulator.amazonses.com"


class ExportJobTests(LocalSesTestCase):
    def setUp(self) -> None:
        self.addCleanup(self.amazon.journal._sent.clear)

    def create(self, *events: str, format: str = "CSV", **source: Any) -> str:
        given = {"Include": {"LastDeliveryEvent": list(events)}} if events else {}
        job_id: str = self.sesv2.create_export_job(
            ExportDataSource={
                "MessageInsightsDataSource": {
                    "StartDate": now() - timedelta(hours=1),
                    "EndDate": now(),
                    **given,
                    **source,
                }
            },
            ExportDestination={"DataFormat": format},
        )["JobId"]
        return job_id

    def exported(self, *events: str, **source: Any) -> list[str]:
        """The lines that a job writes."""
        job_id = self.create(*events, **source)
        statuses = [self.sesv2.get_export_job(JobId=job_id)["JobStatus"] for _ in range(3)]
        self.assertEqual(statuses, ["PROCESSING", "COMPLETED", "COMPLETED"])
        url = self.sesv2.get_export_job(JobId=job_id)["ExportDestination"]["S3Url"]
        answer = requests.get(url, timeout=10)
        self.assertEqual(answer.status_code, 200)
        return answer.text.splitlines()[1:]

    def test_a_row_for_each_recipient_with_what_happened_last(self) -> None:
        message_id = self.send_simple(CUSTOMER, GONE)
        self.amazon.wait_for(message_id, "Send", "Delivery", "Bounce")
        found = [line.split(",")[-2:] for line in self.exported()]
        self.assertEqual(found, [[CUSTOMER, "DELIVERY"], [GONE, "PERMANENT_BOUNCE"]])
        self.assertEqual(len(self.exported("PERMANENT_BOUNCE")), 1)
        self.assertEqual(len(self.exported(MaxResults=1)), 1)

    def test_only_messages_of_the_period_and_the_region(self) -> None:
        self.send_simple(CUSTOMER)
        self.assertEqual(len(self.exported()), 1)
        before = now() - timedelta(minutes=1)
        self.assertEqual(self.exported(EndDate=before), [])
        job_id = self.create()
        other = self.amazon.client("sesv2", "eu-west-1")
        code, _, _ = self.refusal(other.get_export_job, JobId=job_id)
        self.assertEqual(code, "NotFoundException")

    def test_what_it_does_not_export_is_refused(self) -> None:
        for given in (
            {"format": "JSON"},
            {"Include": {"Subject": ["x"]}},
            {"Exclude": {"Subject": ["x"]}},
            {"EndDate": now() - timedelta(hours=2)},
        ):
            with self.subTest(given):
                self.assertEqual(self.refusal(self.create, **given)[0], "BadRequestException")
