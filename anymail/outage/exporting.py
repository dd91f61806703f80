"""Has SES export which messages bounced, were complained about or delivered: its export jobs.

Source: Amazon SES API v2 Reference, "CreateExportJob", "GetExportJob",
"MessageInsightsDataSource".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..amazon_ses.masking import mask_addresses
from ..amazon_ses.repeated_calls import Wait
from ..amazon_ses.untrusted_json import as_object, as_string
from ..exceptions import AnymailAPIError
from .asking import call
from .download import download
from .exported_file import ExportError, message_ids
from .tally import Tally, iso

#: What became of a message last ("DeliveryEventType").
FEEDBACK = ("TRANSIENT_BOUNCE", "PERMANENT_BOUNCE", "UNDETERMINED_BOUNCE", "COMPLAINT")
DELIVERY = "DELIVERY"
#: The most that SES exports, and what it does unless told.
MAX_RESULTS, DEFAULT_RESULTS = 10_000, 1_000
#: Seconds between two looks at a job: it doubles from the first to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0
#: How often a file is fetched, each time with a new URL.
ATTEMPTS = 3
SECOND = timedelta(seconds=1)
INVALID_ID = "without a valid message id in the file of SES"
TOO_MANY = f"times {MAX_RESULTS:,} messages in one second: SES exports no more of them"


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole seconds. SES exports messages from both ends, too.

    :param start: the first one; aware.
    :param end: the last one; aware.
    """

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"

    def halves(self) -> list[Period]:
        """Two periods for one; none if it is one second."""
        seconds = (self.end - self.start) // SECOND
        if seconds < 1:
            return []
        middle = self.start + seconds // 2 * SECOND
        return [
            Period(start=self.start, end=middle),
            Period(start=middle + SECOND, end=self.end),
        ]


@dataclass(kw_only=True)
class Exporter:
    """Has SES export, waits for it, and reads what it wrote.

    :param client: boto3's, for ``sesv2``.
    :param events: of which messages: what became of them last, as :data:`FEEDBACK`.
    :param tell: prints a line.
    :param job_id: the job that is running, or whose messages are being asked about; empty if there
        is none.
    """

    client: Any
    events: Collection[str]
    tally: Tally
    wait: Wait
    tell: Callable[[str], object]
    job_id: str = ""

    def message_ids(
        self, since: datetime, until: datetime, begun: str = ""
    ) -> Iterator[str | None]:
        """The ids of messages that were sent in a span, in no order; some come twice.

        :param since: aware.
        :param until: aware.
        :param begun: a job to go on with, instead of those for the time until its end.
        :return: None, each time that it has waited.
        :raises ExportError: a job failed, or its file cannot be read.
        :raises AnymailAPIError: SES refuses for good, or does not answer.
        """
        start, end = (at.astimezone(timezone.utc).replace(microsecond=0) for at in (since, until))
        if begun:
            done = yield from self._of_job(begun)
            start = max(start, done.end + SECOND)
        if start <= end:
            yield from self._of_period(Period(start=start, end=end))

    def _of_period(self, period: Period) -> Iterator[str | None]:
        yield None
        source = {
            "StartDate": period.start,
            "EndDate": period.end,
            "Include": {"LastDeliveryEvent": list(self.events)},
            "MaxResults": MAX_RESULTS,
        }
        job_id = self._call(
            "create_export_job",
            ExportDataSource={"MessageInsightsDataSource": source},
            ExportDestination={"DataFormat": "CSV"},
        )["JobId"]
        self.tell(f"Export job {job_id}: messages sent {period}")
        yield from self._of_job(job_id, source)

    def _of_job(
        self, job_id: str, source: Mapping[str, Any] | None = None
    ) -> Generator[str | None, None, Period]:
        """The ids in the file of a job.

        :param source: what it exports; None if only SES knows.
        :return: its period.
        """
        self.job_id = job_id
        answer = yield from self._finished(job_id)
        source = source or as_object(
            as_object(answer.get("ExportDataSource")).get("MessageInsightsDataSource")
        )
        period = _period(job_id, source)
        found, rows = self._read(job_id, answer)
        is_full = rows >= (source.get("MaxResults") or DEFAULT_RESULTS)
        halves = period.halves() if is_full else []
        for half in halves:
            self.tell(f"There are {rows:,} messages or more, so half of the time: {half}")
            yield from self._of_period(half)
        if not halves:
            self._note(found.pop("", 0), is_full)
            yield from found
        self.job_id = ""
        return period

    def _finished(self, job_id: str) -> Generator[None, None, Mapping[str, Any]]:
        """What SES says of a job that is completed; None each time that it has waited."""
        pause = FIRST_PAUSE
        while True:
            answer = self._call("get_export_job", JobId=job_id)
            status = as_string(answer.get("JobStatus"))
            if status == "COMPLETED":
                return answer
            if status in ("FAILED", "CANCELLED"):
                said = as_string(as_object(answer.get("FailureInfo")).get("ErrorMessage"))
                reason = mask_addresses(said or "no reason is given")
                raise ExportError(
                    f"SES says that the export job {job_id} is {status}: {reason}. Run the "
                    "command again, or use --ask-insights instead of --export."
                )
            self.wait(pause)
            yield None
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, invalid: int, is_full: bool) -> None:
        if invalid:
            self.tally.skipped[INVALID_ID] += invalid
        if is_full:
            self.tally.skipped[TOO_MANY] += 1

    def _read(self, job_id: str, answer: Mapping[str, Any]) -> tuple[Counter[str], int]:
        """The ids in a file, and how many rows it has, or SES says that it has."""
        for attempt in range(1, ATTEMPTS + 1):
            url = as_string(as_object(answer.get("ExportDestination")).get("S3Url"))
            if not url:
                raise ExportError(f"SES does not say where the file of the job {job_id} is.")
            try:
                with download(url, self.client.meta.endpoint_url) as chunks:
                    found = Counter(message_ids(chunks))
                break
            except AnymailAPIError:
                if attempt == ATTEMPTS or self.wait(FIRST_PAUSE):
                    raise
            answer = self._call("get_export_job", JobId=job_id)
        said = as_object(answer.get("Statistics")).get("ExportedRecordsCount")
        return found, max(found.total(), said if isinstance(said, int) else 0)

    def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        return call(self.client, operation, self.wait, **params)


def _period(job_id: str, source: Mapping[str, Any]) -> Period:
    start, end = source.get("StartDate"), source.get("EndDate")
    if not (isinstance(start, datetime) and isinstance(end, datetime)):
        raise ExportError(f"The export job {job_id} is not one of message insights.")
    return Period(start=start.astimezone(timezone.utc), end=end.astimezone(timezone.utc))
