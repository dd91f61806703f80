"""Amazon's own descriptions of its APIs, which botocore brings: operations, shapes, limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import botocore.session
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator


@cache
def service_model(service: str) -> ServiceModel:
    """The description of a service."""
    return botocore.session.Session().get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel | None:
    """The description of an operation; None if there is none."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None


def find_by_path(
    service: str, method: str, path: str
) -> tuple[OperationModel, dict[str, str]] | None:
    """The operation that a REST request is for, and the parameters in its path.

    :param path: as it was sent, with its percent-encoding.
    """
    for known_method, pattern, operation in _routes(service):
        found = pattern.fullmatch(path) if method == known_method else None
        if found is not None:
            values = {
                name: unquote_to_bytes(value).decode("utf-8", "replace")
                for name, value in found.groupdict().items()
            }
            return service_model(service).operation_model(operation), values
    return None


def problems(shape: Any, params: dict[str, Any]) -> str:
    """What Amazon's description has against parameters: empty if nothing."""
    report = ParamValidator().validate(params, shape)
    return str(report.generate_report()) if report.has_errors() else ""


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    return list(_read_routes(service_model(service)))


def _read_routes(model: ServiceModel) -> Iterator[tuple[str, re.Pattern[str], str]]:
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.escape(http["requestUri"].rstrip("/"))
        path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", path)
        yield http["method"], re.compile(path + "/?"), name
