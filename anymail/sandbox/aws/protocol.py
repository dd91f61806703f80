"""Reads and writes AWS's protocols with moto: forms and XML (SES v1, STS, IAM), JSON (SES v2).

Amazon's own descriptions of the APIs, which botocore brings, say what the parameters are.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SERIALIZERS, SerializationContext
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from .api import ApiError, ApiRequest

#: More than 50 destinations with 30 tags each have; moto takes seconds to read many more.
MAX_FIELDS = 4_000
#: What XML 1.0 cannot write.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
JSON_SERVICES = frozenset({"kms", "sesv2", "sqs"})

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
#: Body and headers.
Response = tuple[bytes, Mapping[str, str]]


def parse_request(service: str, region: str, environ: Environ, body: bytes) -> ApiRequest:
    """A call of SES, STS or IAM; ApiError for operations and parameters that there are not."""
    is_json = service in JSON_SERVICES
    operation, sent = (_find_by_path if is_json else _find_by_name)(service, environ, body)
    model = get_service_model(service).operation_model(operation)
    try:
        _check_json(sent.get("body"))
        parser: Any = PROTOCOL_PARSERS[model.service_model.protocol](model, blob_parser=_blob)
        params = parser.parse(sent)
        if model.input_shape:
            validate_parameters(params, model.input_shape)
    except ParamValidationError as err:
        code = "BadRequestException" if is_json else "ValidationError"
        raise ApiError(code, str(err)) from err
    except Exception as err:  # moto's parser expects well-formed requests
        code = "SerializationException" if is_json else "MalformedInput"
        raise ApiError(code, "The request cannot be read.") from err
    return ApiRequest(
        service,
        region,
        operation,
        params,
        source_ip=environ.get("REMOTE_ADDR", "127.0.0.1"),
        url=f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}",
    )


def build_response(request: ApiRequest, result: Any) -> Response:
    """The response to a call. The result is as boto3 gives it; what is not known, is left out."""
    model, request_id = get_service_model(request.service), str(uuid.uuid4())
    operation = model.operation_model(request.operation)
    serializer: Any = SERIALIZERS[model.protocol](operation, SerializationContext(request_id))
    response = serializer.serialize(result)
    body = response["body"] if request.service in JSON_SERVICES else _xml(response["body"])
    return body.encode(), {**response["headers"], "x-amzn-RequestId": request_id}


def build_error(error: ApiError, service: str) -> Response:
    """The response that is an error."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    if service in JSON_SERVICES:
        body = json.dumps({"__type": error.code, "message": str(error)})
        return body.encode(), {**headers, "Content-Type": "application/json"}
    fault = "Sender" if error.status < 500 else "Receiver"
    text = (
        f"<ErrorResponse><Error><Type>{fault}</Type>"
        f"<Code>{escape(error.code)}</Code><Message>{escape(str(error))}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return _xml(text).encode(), {**headers, "Content-Type": "text/xml"}


def _find_by_name(service: str, environ: Environ, body: bytes) -> tuple[str, dict[str, Any]]:
    """The operation that a form is for, and what moto's parser reads."""
    content = environ.get("QUERY_STRING", "").encode("latin-1") + b"&" + body
    try:
        pairs = parse_qsl(content.decode("utf-8", "replace"), True, max_num_fields=MAX_FIELDS)
    except ValueError as err:
        raise ApiError("MalformedQueryString", "The request has too many parameters.") from err
    form = dict(pairs)
    if len(form) < len(pairs):  # moto might take another one than we do
        raise ApiError("MalformedQueryString", "The request has a parameter twice.")
    model, action = get_service_model(service), form.get("Action", "")
    if action not in model.operation_names:
        text = f"Could not find operation {action[:100]} for version {model.api_version}"
        raise ApiError("InvalidAction", text)
    return action, {"values": form}


def find_operation(service: str, environ: Environ) -> tuple[str, Mapping[str, Any]]:
    """The operation that a path is for, and the parameters in it."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    try:
        found: tuple[str, Mapping[str, Any]]
        found = _routes(service).bind("").match(path, environ["REQUEST_METHOD"])
    except (HTTPException, ValueError) as err:
        raise ApiError("UnknownOperationException", "Unknown operation.", 404) from err
    return found


def _find_by_path(service: str, environ: Environ, body: bytes) -> tuple[str, dict[str, Any]]:
    """The operation that a path is for, and what moto's parser reads."""
    operation, in_path = find_operation(service, environ)
    try:
        query = parse_qsl(environ.get("QUERY_STRING", ""), True, max_num_fields=100)
    except ValueError as err:
        raise ApiError("UnknownOperationException", "Unknown operation.", 404) from err
    values = MultiDict(query)
    return operation, {"body": body, "headers": {}, "url_params": in_path, "values": values}


def _check_json(body: bytes | None) -> None:
    """Raise for what moto takes for a text, and for halves of characters."""
    found = json.loads(body or b"{}")
    if body and b"\\u" in body:
        json.dumps(found, ensure_ascii=False).encode()


def _blob(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


def _xml(text: str) -> str:
    return NOT_XML.sub("\ufffd", text).replace("\r", "&#13;")


@cache
def _routes(service: str) -> Map:
    model, rules = get_service_model(service), []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].replace("{", "<").replace("}", ">")
        rules.append(Rule(path, methods=[http["method"]], endpoint=name))
    return Map(rules, strict_slashes=False, merge_slashes=False)
