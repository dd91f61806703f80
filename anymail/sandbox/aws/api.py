"""Calls of AWS's APIs, their results and errors, whatever the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A call of an AWS API.

    :param service: ``"ses"`` (v1), ``"sesv2"``, ``"sns"``, ….
    :param params: as boto3 takes them: nested dicts and lists.
    :param source_ip: of the caller.
    """

    service: str
    region: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    source_ip: str = "127.0.0.1"


class ApiError(Exception):
    """An API refuses. ``str()`` is AWS's message.

    :param code: for example ``"MessageRejected"``.
    :param status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
