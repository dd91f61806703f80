"""Calls of AWS's APIs, their results and errors, whatever the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ApiRequest:
    """A call of an AWS API.

    :param service: ``"ses"`` is v1, ``"sesv2"`` v2.
    :param params: as boto3 takes them.
    :param url: of the endpoint, as the caller names it.
    """

    service: str
    region: str
    operation: str
    params: Mapping[str, Any]
    source_ip: str
    url: str


class ApiError(Exception):
    """An API refuses, with a code like ``"MessageRejected"`` and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
