"""Reads and writes SES's protocols with moto: forms and XML (v1), JSON (v2).

Amazon's own descriptions of the APIs, which botocore brings, say what the parameters are.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes
from xml.sax.saxutils import escape

from .api import ApiError, ApiRequest

#: More than 50 destinations with 30 tags each have; moto takes seconds to read many more.
MAX_FIELDS = 4_000
#: What XML 1.0 cannot write.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: JSON can hold halves of characters.
HALF_CHARACTER = re.compile(rb"\\ud[89a-f]", re.IGNORECASE)
JSON_SERVICES = frozenset({"kms", "sesv2", "sqs"})


def parse_form(content: bytes) -> dict[str, str]:
    """The fields of a form; bytes that are not UTF-8 are replaced.

    :raises ApiError: there are too many.
    """
    try:
        pairs = parse_qsl(
            content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
        )
    except ValueError as err:
        raise ApiError("MalformedQueryString", "The request has too many parameters.") from err
    return dict(pairs)


def parse_query_request(region: str, form: dict[str, str], source_ip: str) -> ApiRequest:
    """A call of SES v1.

    :raises ApiError: there is no such operation, or its parameters are not valid.
    """
    model, action = _service_model("ses"), form.get("Action", "")
    if action not in model.operation_names:
        text = f"Could not find operation {action[:100]} for version {model.api_version}"
        raise ApiError("InvalidAction", text)
    try:
        params = _parse(model.operation_model(action), {"values": form})
    except Exception as err:  # moto's parser expects well-formed requests
        raise ApiError("MalformedInput", "A parameter cannot be read.") from err
    if problems := _problems(model.operation_model(action), params):
        raise ApiError("ValidationError", f"1 validation error detected: {problems}")
    return ApiRequest(
        service="ses", region=region, operation=action, params=params, source_ip=source_ip
    )


def parse_rest_request(
    region: str, method: str, path: str, query: str, body: bytes, source_ip: str
) -> ApiRequest:
    """A call of SES v2.

    :param path: as it was sent, with its percent-encoding.
    :raises ApiError: there is no such operation, or its parameters are not valid.
    """
    from werkzeug.datastructures import MultiDict

    operation, in_path = _find_operation(method, path)
    model = _service_model("sesv2").operation_model(operation)
    try:
        found = json.loads(body or b"{}")
        if HALF_CHARACTER.search(body):
            json.dumps(found, ensure_ascii=False).encode()
        values = MultiDict(parse_qsl(query, keep_blank_values=True, max_num_fields=100))
        sent = {"body": body, "headers": {}, "url_params": in_path, "values": values}
        params = _parse(model, sent)
    except Exception as err:  # likewise
        raise ApiError("SerializationException", "The request cannot be read.") from err
    if problems := _problems(model, params):
        raise ApiError("BadRequestException", problems)
    return ApiRequest(
        service="sesv2", region=region, operation=operation, params=params, source_ip=source_ip
    )


def build_response(request: ApiRequest, result: Any) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a response.

    :param result: as boto3 gives it, without ``ResponseMetadata``.
    """
    from moto.core.serialize import SERIALIZERS, SerializationContext

    service, request_id = _service_model(request.service), str(uuid.uuid4())
    serializer = SERIALIZERS[service.protocol](
        service.operation_model(request.operation), SerializationContext(request_id)
    )
    response = serializer.serialize(result)
    headers = {**response["headers"], "x-amzn-RequestId": request_id}
    body = str(response["body"])
    return (body if service.protocol == "rest-json" else _xml(body)).encode(), headers


def build_error(error: ApiError, service: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a response that is an error."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    if service in JSON_SERVICES:
        body = json.dumps({"__type": error.code, "message": str(error)})
        return body.encode(), {**headers, "Content-Type": "application/json"}
    fault = "Sender" if error.status < 500 else "Receiver"
    namespace = _service_model("sns" if service == "sns" else "ses").metadata["xmlNamespace"]
    text = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type>'
        f"<Code>{escape(error.code)}</Code><Message>{escape(str(error))}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return _xml(text).encode(), {**headers, "Content-Type": "text/xml"}


def _parse(operation: Any, sent: dict[str, Any]) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS

    parser: Any = PROTOCOL_PARSERS[operation.service_model.protocol](operation, blob_parser=_blob)
    found: dict[str, Any] = parser.parse(sent)
    return found


def _blob(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


def _problems(operation: Any, params: dict[str, Any]) -> str:
    """What is wrong with parameters; empty if nothing."""
    from botocore.validate import ParamValidator

    if operation.input_shape is None:
        return ""
    report = ParamValidator().validate(params, operation.input_shape)
    return str(report.generate_report())


def _xml(text: str) -> str:
    return NOT_XML.sub("\ufffd", text).replace("\r", "&#13;")


def _service_model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _find_operation(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The operation of SES v2 that a request is for, and the parameters in its path."""
    for known_method, pattern, operation in _routes():
        if method == known_method and (found := pattern.fullmatch(path)):
            return operation, {
                name: unquote_to_bytes(value).decode("utf-8", "replace")
                for name, value in found.groupdict().items()
            }
    raise ApiError("UnknownOperationException", "Unknown operation.", 404)


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    model = _service_model("sesv2")
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(http["requestUri"].rstrip("/")))
        found.append((http["method"], re.compile(path + "/?"), name))
    return found
