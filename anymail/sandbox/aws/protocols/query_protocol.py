"""The protocol of SES v1 and of SNS, what is asked: forms. ``xml_answers`` are the answers.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from .api_models import operation_model, problems, service_model
from .wire import ApiError, ApiRequest

#: More fields than the largest call that SES takes has.
MAX_FIELDS = 20_000
MAX_DEPTH = 16
SCALARS: Mapping[str, Any] = {
    "blob": lambda text: base64.b64decode("".join(text.split()), validate=True),
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
}


def parse_form(content: bytes) -> dict[str, str]:
    """The fields of a form; bytes that are not UTF-8 are replaced.

    :raises ApiError: there are too many.
    """
    try:
        pairs = parse_qsl(
            content.decode("utf-8", "replace"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as err:
        raise ApiError("MalformedQueryString", "The request has too many parameters.") from err
    return dict(pairs)


def parse_request(service: str, region: str, form: Mapping[str, str], source_ip: str) -> ApiRequest:
    """A call.

    :raises ApiError: there is no such operation, or its parameters are not what it takes.
    """
    action = form.get("Action", "")
    operation = operation_model(service, action)
    if operation is None:
        version = service_model(service).api_version
        raise ApiError(
            "InvalidAction", f"Could not find operation {action[:100]} for version {version}"
        )
    params = {}
    if operation.input_shape is not None:
        params = _value(operation.input_shape, _tree(form), "")
        found = problems(operation.input_shape, params)
        if found:
            raise ApiError("ValidationError", f"1 validation error detected: {found}")
    return ApiRequest(
        service=service, region=region, operation=action, params=params, source_ip=source_ip
    )


def _tree(form: Mapping[str, str]) -> dict[str, Any]:
    """``a.b.1=x`` -> ``{"a": {"b": {"1": "x"}}}``; a value and more below it: the value goes."""
    tree: dict[str, Any] = {}
    for name, value in form.items():
        *path, last = name.split(".", MAX_DEPTH)
        node = tree
        for step in path:
            below = node.get(step)
            if not isinstance(below, dict):
                below = node[step] = {}
            node = below
        if not isinstance(node.get(last), dict):
            node[last] = value
    return tree


def _value(shape: Any, node: Any, path: str) -> Any:
    if shape.type_name == "structure":
        return {
            name: _value(member, node[key], f"{path}.{name}")
            for name, member in shape.members.items()
            if isinstance(node, dict) and (key := member.serialization.get("name", name)) in node
        }
    if shape.type_name == "list":
        return _list(shape, node, path)
    if shape.type_name == "map":
        return _map(shape, node, path)
    if isinstance(node, dict):
        raise _malformed(path)
    try:
        return SCALARS.get(shape.type_name, str)(node)
    except (ValueError, KeyError, binascii.Error) as err:
        raise _malformed(path) from err


def _list(shape: Any, node: Any, path: str) -> list[Any]:
    if not shape.serialization.get("flattened") and isinstance(node, dict):
        node = node.get(shape.member.serialization.get("name", "member"))
    return [
        _value(shape.member, item, f"{path}.{number}") for number, item in _numbered(node, path)
    ]


def _map(shape: Any, node: Any, path: str) -> dict[str, Any]:
    if not shape.serialization.get("flattened") and isinstance(node, dict):
        node = node.get("entry")
    found = {}
    for number, entry in _numbered(node, path):
        key = shape.key.serialization.get("name", "key")
        value = shape.value.serialization.get("name", "value")
        if not isinstance(entry, dict) or key not in entry:
            raise _malformed(f"{path}.{number}")
        found[str(entry[key])] = _value(shape.value, entry.get(value, ""), f"{path}.{number}")
    return found


def _numbered(node: Any, path: str) -> list[tuple[int, Any]]:
    """The items of a list in their order. An empty list is sent as an empty text."""
    if not isinstance(node, dict):
        return []
    try:
        return sorted(((int(number), item) for number, item in node.items()), key=lambda n: n[0])
    except ValueError as err:
        raise _malformed(path) from err


def _malformed(path: str) -> ApiError:
    return ApiError("MalformedInput", f"The value of {path.lstrip('.')} cannot be read.")
