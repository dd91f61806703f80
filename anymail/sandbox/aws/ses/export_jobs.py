"""Export jobs of message insights, and the file of each, which S3 has.

Source: Amazon SES API v2 Reference, "CreateExportJob", "GetExportJob", "MessageInsightsDataSource".
What columns SES's files have is documented nowhere: these are the sandbox's own.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import boto3
from botocore.config import Config
from moto.s3.exceptions import BucketAlreadyExists
from moto.s3.models import s3_backends

from ...journal import SentMail, now
from ..api import ApiRequest
from ..defaults import ACCOUNT, CREDENTIALS
from .context import ExportJob, Result, SesContext
from .errors import ErrorCode, SesError, invalid
from .insights import delivery_events

BUCKET = "sandbox-ses-exports"
COLUMNS = ("MessageId", "Sent", "From", "Destination", "LastDeliveryEvent")
#: Rows, if the job does not say.
MAX_RESULTS = 1_000
#: Seconds for which a URL is valid.
EXPIRES_IN = 300
#: The later one of them is the last that happened.
ORDER = ("SEND", "BOUNCE", "DELIVERY", "COMPLAINT")


def create_export_job(ses: SesContext, request: ApiRequest) -> Result:
    source = request.params["ExportDataSource"].get("MessageInsightsDataSource")
    destination = request.params["ExportDestination"]
    if source is None or destination["DataFormat"] != "CSV":
        raise invalid("The sandbox exports message insights, as CSV.")
    if "S3Url" in destination:
        raise invalid("S3Url must not be given.")
    if source.get("Exclude") or set(source.get("Include") or ()) - {"LastDeliveryEvent"}:
        raise invalid("The sandbox filters by Include.LastDeliveryEvent only.")
    if source["EndDate"] < source["StartDate"]:
        raise invalid("EndDate must not be before StartDate.")
    job_id = str(uuid.uuid4())
    ses.export_jobs[request.region, job_id] = {
        "JobId": job_id,
        "ExportSourceType": "MESSAGE_INSIGHTS",
        "JobStatus": "CREATED",
        "ExportDestination": destination,
        "ExportDataSource": {"MessageInsightsDataSource": source},
        "CreatedTimestamp": now(),
    }
    return {"JobId": job_id}


def get_export_job(ses: SesContext, request: ApiRequest) -> Result:
    """The first answer says that the job is being processed, the next that it is done."""
    job = ses.export_jobs.get((request.region, request.params["JobId"]))
    if job is None:
        raise SesError(ErrorCode.NOT_FOUND, "The export job does not exist.")
    if job["JobStatus"] == "PROCESSING":
        _complete(ses, job, request.region)
    elif job["JobStatus"] == "CREATED":
        job["JobStatus"] = "PROCESSING"
    if job["JobStatus"] != "COMPLETED":
        return job
    url = {"S3Url": _signed_url(job["JobId"], request.url)}
    return {**job, "ExportDestination": {**job["ExportDestination"], **url}}


def _complete(ses: SesContext, job: ExportJob, region: str) -> None:
    source = job["ExportDataSource"]["MessageInsightsDataSource"]
    mails = [mail for mail in ses.publisher.sent_mails() if mail.region == region]
    found = [row for mail in mails if _is_in_time(mail, source) for row in _rows(mail, source)]
    rows = found[: source.get("MaxResults") or MAX_RESULTS]
    file = io.StringIO()
    csv.writer(file).writerows([COLUMNS, *rows])
    s3 = s3_backends[ACCOUNT]["aws"]
    with suppress(BucketAlreadyExists):
        s3.create_bucket(BUCKET, CREDENTIALS["region_name"])
    s3.put_object(BUCKET, job["JobId"], file.getvalue().encode())
    job["JobStatus"], job["CompletedTimestamp"] = "COMPLETED", now()
    job["Statistics"] = {"ProcessedRecordsCount": len(found), "ExportedRecordsCount": len(rows)}


def _rows(mail: SentMail, source: Any) -> Iterator[tuple[str, ...]]:
    wanted = (source.get("Include") or {}).get("LastDeliveryEvent")
    for address in mail.recipients:
        last = max(delivery_events(mail, address), key=_order, default="")
        if not wanted or last in wanted:
            yield mail.id, mail.at.isoformat(), mail.source, address, last


def _order(name: str) -> int:
    return ORDER.index(name.rpartition("_")[2])


def _is_in_time(mail: SentMail, source: Any) -> bool:
    """Whether the second in which a message was sent is in the period, both of whose ends are."""
    at = mail.at.replace(microsecond=0)
    return _aware(source["StartDate"]) <= at <= _aware(source["EndDate"])


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _signed_url(job_id: str, endpoint: str) -> str:
    make: Any = boto3.client
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    s3 = make("s3", endpoint_url=endpoint, config=config, **CREDENTIALS)
    given = {"Bucket": BUCKET, "Key": job_id}
    return str(s3.generate_presigned_url("get_object", Params=given, ExpiresIn=EXPIRES_IN))
