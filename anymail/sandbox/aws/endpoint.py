"""One URL for all of Amazon: SES and SNS are played here, the rest of what is allowed by moto."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import allowed
from .bounds import check_room
from .callers import check_caller
from .moto_services import MotoServices, named_operations, recognise_other
from .protocols import query_protocol, rest_json, xml_answers
from .protocols.recognition import V2_PATH, Call, Environ, read_scope, recognise
from .protocols.wire import ApiAnswer, ApiError, ApiRequest
from .ses.desk import Desk
from .ses.operations import OPERATIONS, SEND_OPERATIONS
from .ses.refusals import Refused, api_error

if TYPE_CHECKING:
    from .events.publishing import Publisher
    from .sns.local_sns import LocalSns
    from .switches import Switches

StartResponse = Callable[..., Any]
logger: logging.Logger = logging.getLogger(__name__)


class AmazonEndpoint:
    """A WSGI application.

    :param publisher: tells what happens to the messages that are accepted.
    :param sns: answers what is asked of SNS, if it can.
    :param switches: how slow SES is, and whom it refuses.
    :param hosts: the names under which it may be called, as in Django's ``ALLOWED_HOSTS``.
    """

    def __init__(
        self, publisher: Publisher, sns: LocalSns, switches: Switches, *, hosts: Sequence[str]
    ) -> None:
        self._desk = Desk(publisher=publisher, sns=sns, switches=switches)
        self._sns = sns
        self._hosts = hosts
        self._moto = MotoServices()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        service = "sesv2" if environ.get("PATH_INFO", "").startswith(V2_PATH) else ""
        try:
            check_caller(environ, self._hosts)
            call = recognise(environ)
            if call is None:
                service = _signed_for(environ)
                return self._ask_moto(*recognise_other(environ), environ, start_response)
            service = call.service
            return self._answer(call, environ, start_response)
        except ApiError as err:
            return _respond_error(err, service or "ses", start_response)
        except Exception as err:
            logger.exception("The sandbox failed", extra={"anymail_error_code": type(err).__name__})
            failure = ApiError("InternalFailure", "The sandbox failed; its log says why.", 500)
            return _respond_error(failure, service or "ses", start_response)

    def _answer(
        self, call: Call, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = _parse(call, environ)
        allowed.check_operation(request.service, _operations(request, environ))
        check_room(request.service, request.operation)
        if (request.service, request.operation) in SEND_OPERATIONS:
            time.sleep(self._desk.switches.latency)
        answer = self._play(request)
        if answer is None:
            return self._ask_moto(request.service, request.operation, environ, start_response)
        is_json = call.service == "sesv2"
        protocol = rest_json if is_json else xml_answers
        body, headers = protocol.build_answer(request, answer), _request_id() if is_json else {}
        return _respond(200, protocol.CONTENT_TYPE, body, headers, start_response)

    def _play(self, request: ApiRequest) -> ApiAnswer | None:
        if request.service == "sns":
            return self._sns.answer(request)
        operation = OPERATIONS.get((request.service, request.operation))
        if operation is None:
            return None
        try:
            result = operation(self._desk, request)
        except Refused as err:
            raise api_error(err, request.service) from err
        return None if result is None else ApiAnswer(result=result)

    def _ask_moto(
        self, service: str, what: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        status, headers, body = self._moto.ask(service, what, environ)
        start_response(status, list(headers.items()))
        return body


def _operations(request: ApiRequest, environ: Environ) -> set[str]:
    """Every operation that moto might take a request for. The path says it in v2 of SES."""
    named = set() if request.service == "sesv2" else named_operations(environ)
    return {request.operation, *named}


def _signed_for(environ: Environ) -> str:
    """Whose errors the caller understands."""
    scope = read_scope(environ.get("HTTP_AUTHORIZATION", ""))
    return scope.service if scope is not None else "s3"


def _parse(call: Call, environ: Environ) -> ApiRequest:
    source_ip = environ.get("REMOTE_ADDR", "127.0.0.1")
    if call.service != "sesv2":
        return query_protocol.parse_request(call.service, call.region, call.form, source_ip)
    sent = environ.get("RAW_URI") or environ["PATH_INFO"]
    return rest_json.parse_request(
        call.service,
        call.region,
        environ["REQUEST_METHOD"],
        sent.partition("?")[0],
        environ.get("QUERY_STRING", ""),
        call.body,
        source_ip,
    )


def _respond_error(error: ApiError, service: str, start_response: StartResponse) -> Iterable[bytes]:
    if service == "sesv2":
        body, content_type = rest_json.build_error(error), rest_json.CONTENT_TYPE
        headers = {"x-amzn-ErrorType": error.code, **_request_id()}
    elif service in ("kms", "sqs"):
        body = json.dumps({"__type": error.code, "message": str(error)}).encode()
        content_type, headers = "application/x-amz-json-1.0", _request_id()
    else:
        body = xml_answers.build_error(error, "sns" if service == "sns" else "ses")
        content_type, headers = xml_answers.CONTENT_TYPE, {}
    return _respond(error.status, content_type, body, headers, start_response)


def _respond(
    status: int,
    content_type: str,
    body: bytes,
    headers: dict[str, str],
    start_response: StartResponse,
) -> Iterable[bytes]:
    everything = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **headers,
    }
    start_response(f"{status} {HTTPStatus(status).phrase}", list(everything.items()))
    return [body]


def _request_id() -> dict[str, str]:
    """XML has it in the body."""
    return {"x-amzn-RequestId": str(uuid.uuid4())}
