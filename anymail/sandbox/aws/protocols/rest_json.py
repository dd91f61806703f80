"""The protocol of SES v2: REST and JSON.

Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from .api_models import find_by_path, operation_model, problems
from .wire import ApiAnswer, ApiError, ApiRequest

CONTENT_TYPE = "application/json"
#: What JSON has for each type of a shape. In Python a bool is an int.
JSON_TYPES: Mapping[str, Any] = {
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "structure": (dict,),
}


def parse_request(
    service: str, region: str, method: str, path: str, query: str, content: bytes, source_ip: str
) -> ApiRequest:
    """A call.

    :param path: as it was sent, with its percent-encoding.
    :raises ApiError: there is no such operation, or its parameters are not what it takes.
    """
    found = find_by_path(service, method, path)
    if found is None:
        raise ApiError("UnknownOperationException", "Unknown operation.", 404)
    operation, in_path = found
    params: dict[str, Any] = {}
    if operation.input_shape is not None:
        given = {**_body(content), **_query(operation.input_shape, query), **in_path}
        params = _value(operation.input_shape, given, "")
        wrong = problems(operation.input_shape, params)
        if wrong:
            raise ApiError("BadRequestException", wrong)
    return ApiRequest(
        service=service, region=region, operation=operation.name, params=params, source_ip=source_ip
    )


def build_answer(request: ApiRequest, answer: ApiAnswer) -> bytes:
    """The body of an answer."""
    model = operation_model(request.service, request.operation)
    output = model.output_shape if model is not None else None
    return json.dumps(_plain(output, answer.result) if output is not None else {}).encode()


def build_error(error: ApiError) -> bytes:
    """The body of an answer that is an error."""
    return json.dumps({"message": str(error)}).encode()


def _body(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        raise _malformed("The request") from err
    if not isinstance(found, dict):
        raise _malformed("The request")
    return found


def _query(shape: Any, query: str) -> dict[str, Any]:
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=100))
    except ValueError as err:
        raise _malformed("The query string") from err
    return {
        name: int(text) if member.type_name in ("integer", "long") and _is_int(text) else text
        for name, member in shape.members.items()
        if member.serialization.get("location") == "querystring"
        and (text := given.get(member.serialization.get("name", name))) is not None
    }


def _is_int(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _value(shape: Any, given: Any, path: str) -> Any:
    expected = JSON_TYPES.get(shape.type_name, (str,))
    if not isinstance(given, expected) or (isinstance(given, bool) and bool not in expected):
        raise _malformed(path.lstrip(".") or "The request")
    if shape.type_name == "structure":
        return {
            name: _value(member, given[name], f"{path}.{name}")
            for name, member in shape.members.items()
            if given.get(name) is not None
        }
    if shape.type_name == "list":
        return [_value(shape.member, item, path) for item in given]
    if shape.type_name == "map":
        return {key: _value(shape.value, item, path) for key, item in given.items()}
    return _scalar(shape, given, path)


def _scalar(shape: Any, given: Any, path: str) -> Any:
    if not isinstance(given, str):
        return given
    try:
        given.encode()  # JSON can hold halves of characters
        return base64.b64decode(given, validate=True) if shape.type_name == "blob" else given
    except (UnicodeEncodeError, binascii.Error, ValueError) as err:
        raise _malformed(path.lstrip(".")) from err


def _malformed(what: str) -> ApiError:
    return ApiError("SerializationException", f"{what} cannot be read.")


def _plain(shape: Any, value: Any) -> Any:
    """What of a value the caller expects, as JSON has it."""
    if shape.type_name == "structure":
        return {
            name: _plain(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_plain(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: _plain(shape.value, item) for key, item in value.items()}
    return value.timestamp() if isinstance(value, datetime) else value
