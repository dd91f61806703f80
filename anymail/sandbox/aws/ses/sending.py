"""The operations of v1 of the API that send.

Source: Amazon SES API reference (v1, 2010-12-01) and Amazon SES Developer Guide, "Header fields in
Amazon SES".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest
from .addresses import parse_address
from .bulk import Bulk, Entry, send_bulk
from .composing import compose, parse_content
from .parameters import envelope_of, recipients_of, tags_of
from .raw_mail import parse_headers
from .raw_sending import RawMessage, raw_submission
from .submission import Submission, submit
from .templated import TemplatedMessage, templated_submission

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]
MAX_SIZE = 10 * 1024 * 1024


def send_raw_email(desk: Desk, request: ApiRequest) -> Result:
    """SendRawEmail."""
    params = request.params
    message = RawMessage(
        data=params["RawMessage"]["Data"],
        source=params.get("Source"),
        destinations=params.get("Destinations") or (),
        tags=tags_of(params.get("Tags", ())),
        configuration_set=params.get("ConfigurationSetName"),
        max_size=MAX_SIZE,
    )
    return {"MessageId": submit(desk, request, raw_submission(message))}


def send_email(desk: Desk, request: ApiRequest) -> Result:
    """SendEmail."""
    params = request.params
    destination, message = params["Destination"], params["Message"]
    source, recipients = parse_address(params["Source"]), recipients_of(destination)
    envelope = envelope_of(params["Source"], destination, params.get("ReplyToAddresses", ()))
    raw = compose(envelope, parse_content(message["Subject"], message["Body"]))
    submission = Submission(
        source=source,
        recipients=recipients,
        headers=parse_headers(raw),
        raw=raw,
        configuration_set=params.get("ConfigurationSetName"),
        tags=tags_of(params.get("Tags", ())),
    )
    return {"MessageId": submit(desk, request, submission)}


def send_templated_email(desk: Desk, request: ApiRequest) -> Result:
    """SendTemplatedEmail."""
    params = request.params
    destination = params["Destination"]
    message = TemplatedMessage(
        envelope=envelope_of(params["Source"], destination, params.get("ReplyToAddresses", ())),
        source=parse_address(params["Source"]),
        recipients=recipients_of(destination),
        template=desk.templates.get(request.region, params["Template"]),
        data=(params["TemplateData"],),
        tags=tags_of(params.get("Tags", ())),
        configuration_set=params.get("ConfigurationSetName"),
    )
    return {"MessageId": submit(desk, request, templated_submission(message))}


def send_bulk_templated_email(desk: Desk, request: ApiRequest) -> Result:
    """SendBulkTemplatedEmail."""
    params = request.params
    bulk = Bulk(
        sender=params["Source"],
        reply_to=params.get("ReplyToAddresses", ()),
        template=desk.templates.get(request.region, params["Template"]),
        default_data=params["DefaultTemplateData"],
        default_tags=params.get("DefaultTags", ()),
        configuration_set=params.get("ConfigurationSetName"),
        entries=[
            Entry(
                destination=found.get("Destination", {}),
                data=found.get("ReplacementTemplateData"),
                tags=found.get("ReplacementTags", ()),
            )
            for found in params["Destinations"]
        ],
    )
    outcomes = send_bulk(desk, request, bulk)
    return {"Status": [outcome.as_v1() for outcome in outcomes]}


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "SendBulkTemplatedEmail"): send_bulk_templated_email,
    ("ses", "SendEmail"): send_email,
    ("ses", "SendRawEmail"): send_raw_email,
    ("ses", "SendTemplatedEmail"): send_templated_email,
}
