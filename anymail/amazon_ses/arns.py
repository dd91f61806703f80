"""Amazon Resource Names (AWS General Reference)."""

from __future__ import annotations


def arn_region(arn: object, service: str) -> str | None:
    """The region in an ARN, or None.

    :param arn: anything; None is returned if it is not an ARN of the service.
    :param service: for example ``"sns"``.
    """
    parts = arn.split(":") if isinstance(arn, str) else []
    is_arn = len(parts) == 6 and parts[0] == "arn" and parts[2] == service
    return (parts[3] or None) if is_arn else None
