"""Whether SES tracks opens and clicks, whatever the configuration set says.

Source: Amazon SES API v2 Reference, "ConfigurationOverrides", "TrackingConfigurationOverrides".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..addresses import EmailAddress
from ..attributes import combine_deeply
from ..outgoing import OutgoingMessage
from .template_calls import ByRecipient
from .template_content import member

NAME = "ConfigurationOverrides"


def split_by_overrides(
    message: OutgoingMessage, recipients: Iterable[EmailAddress]
) -> list[tuple[dict[str, Any], tuple[int, ...]]]:
    """Group recipients by what is tracked, since an override holds for a whole call.

    :param recipients: some of the message's.
    :return: for each group the parameters of its calls, and the positions of its recipients.
    :raises AnymailSerializationError: ``ConfigurationOverrides`` in ``esp_extra`` is not a dict.
    """
    opens = ByRecipient(message.merge_track_opens, message.track_opens)
    clicks = ByRecipient(message.merge_track_clicks, message.track_clicks)
    groups: dict[tuple[bool | None, bool | None], list[int]] = {}
    for position, recipient in enumerate(recipients):
        values = opens.get(recipient), clicks.get(recipient)
        groups.setdefault(values, []).append(position)
    extra = member(message.esp_extra or {}, NAME, "esp_extra")
    return [
        (_params(_tracking(*values), extra), tuple(positions))
        for values, positions in groups.items()
    ]


def _params(tracking: Mapping[str, str], extra: Mapping[str, Any]) -> dict[str, Any]:
    own = {"Tracking": tracking} if tracking else {}
    overrides = combine_deeply(own, extra)
    return {NAME: overrides} if overrides else {}


def _tracking(opens: bool | None, clicks: bool | None) -> dict[str, str]:
    wanted = {"OpenTrackingEnabled": opens, "ClickTrackingEnabled": clicks}
    return {
        name: "ENABLED" if value else "DISABLED"
        for name, value in wanted.items()
        if value is not None
    }
