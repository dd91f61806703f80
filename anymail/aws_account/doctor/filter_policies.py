"""Which events a subscription's filter policy drops.

Source: Amazon SNS Developer Guide, "Amazon SNS subscription filter policies".
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ...amazon_ses.untrusted_json import as_list

BY_BODY = "MessageBody"
#: How events are called in messages, where that is not the name in the API of SES.
NAMES = {"RENDERING_FAILURE": "Rendering Failure", "DELIVERY_DELAY": "DeliveryDelay"}


def dropped_types(text: str, scope: str, types: Collection[str]) -> list[str] | None:
    """The types of event that a filter policy drops; None if that depends on more than the type.

    :param text: the policy, JSON.
    :param scope: ``"MessageBody"``; otherwise by attributes, of which messages of SES have none.
    :param types: as v2 of the API of SES spells them.
    """
    try:
        policy = json.loads(text or "{}")
    except ValueError:
        return None
    if not isinstance(policy, dict):
        return None
    if scope != BY_BODY:
        return [] if all(map(_takes_missing, policy.values())) else list(types)
    if not policy.keys() <= {"eventType"}:
        return None
    wanted = as_list(policy.get("eventType", list(map(_name, types))))
    if not all(isinstance(one, str) for one in wanted):
        return None
    return [kind for kind in types if _name(kind) not in wanted]


def _takes_missing(conditions: Any) -> bool:
    return {"exists": False} in as_list(conditions)


def _name(kind: str) -> str:
    return NAMES.get(kind, kind.capitalize())
