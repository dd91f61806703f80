"""The calls of v1 that send, as v2 would have them: names differ more than meanings.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api import ApiRequest

Params = Mapping[str, Any]


def as_v2(request: ApiRequest) -> Params:
    """The parameters of a call that sends, as those of SendEmail or SendBulkEmail of v2."""
    params = request.params
    if request.service == "sesv2":
        return params
    return {
        "FromEmailAddress": params.get("Source"),
        "Destination": params.get("Destination", {}),
        "ReplyToAddresses": params.get("ReplyToAddresses", ()),
        "ConfigurationSetName": params.get("ConfigurationSetName"),
        "EmailTags": params.get("Tags", ()),
        "FromEmailAddressIdentityArn": params.get("SourceArn") or params.get("FromArn"),
        "FeedbackForwardingEmailAddress": params.get("ReturnPath"),
        "FeedbackForwardingEmailAddressIdentityArn": params.get("ReturnPathArn"),
        **_content(params),
    }


def _content(params: Params) -> Params:
    if "RawMessage" in params:
        destination = {"ToAddresses": params.get("Destinations", ())}
        return {"Content": {"Raw": params["RawMessage"]}, "Destination": destination}
    if "Message" in params:
        return {"Content": {"Simple": params["Message"]}}
    template = {"TemplateName": params["Template"]}
    if "Destinations" not in params:
        return {"Content": {"Template": {**template, "TemplateData": params["TemplateData"]}}}
    return {
        "DefaultEmailTags": params.get("DefaultTags", ()),
        "DefaultContent": {"Template": {**template, "TemplateData": params["DefaultTemplateData"]}},
        "BulkEmailEntries": [
            {**entry, "ReplacementEmailContent": {"ReplacementTemplate": entry}}
            for entry in params["Destinations"]
        ],
    }
