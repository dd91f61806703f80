"""Messages made from a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .composing import Envelope, compose
from .handlebars import TemplateError
from .raw_mail import check_once, parse_headers
from .submission import Submission
from .templates import Template, parse_data


@dataclass(frozen=True, kw_only=True)
class TemplatedMessage:
    """The parameters of a templated message, from either API.

    :param data: JSON texts; the later ones win.
    """

    envelope: Envelope
    source: str
    recipients: Sequence[str]
    template: Template
    data: Sequence[str | None]
    tags: Mapping[str, list[str]]
    configuration_set: str | None
    attachments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def templated_submission(message: TemplatedMessage) -> Submission:
    """What somebody wants to send. What lacks data is accepted all the same, and fails later.

    :raises Refused: SES does not take it.
    """
    submission = Submission(
        source=message.source,
        recipients=message.recipients,
        headers=(),
        raw=b"",
        configuration_set=message.configuration_set,
        tags=message.tags,
        template=message.template.name,
    )
    try:
        content = message.template.render(parse_data(*message.data))
    except TemplateError as err:
        return replace(submission, failure=str(err))
    raw = compose(message.envelope, replace(content, attachments=message.attachments))
    headers = parse_headers(raw)
    check_once(headers)
    return replace(submission, raw=raw, headers=headers)
