"""One URL for all of AWS: SES is implemented here; moto has the rest of what is allowed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .access import refuse_browsers
from .allowed import check_operations, check_s3
from .api import ApiError, ApiRequest
from .bounds import check_room, check_room_for_object
from .moto_services import MotoServices
from .protocol import build_error, build_response, parse_query_request, parse_rest_request
from .routing import Call, Environ, named_operations, read_length, route, sent_path, service_of
from .ses.context import SesContext
from .ses.errors import SesError
from .ses.operations import OPERATIONS, SEND_OPERATIONS

if TYPE_CHECKING:
    from .events.publish import Publisher
    from .faults import Faults
    from .sns.local_sns import LocalSns

StartResponse = Callable[..., Any]
logger: logging.Logger = logging.getLogger(__name__)


class AwsEndpoint:
    """A WSGI application.

    :param publisher: publishes what happens to the messages that are accepted.
    :param sns: publishes what SES asks it to.
    :param faults: how slow SES is, and whom it refuses.
    :param hosts: the names under which it may be called, as in Django's ``ALLOWED_HOSTS``.
    """

    def __init__(
        self, publisher: Publisher, sns: LocalSns, faults: Faults, *, hosts: Sequence[str]
    ) -> None:
        self._ses = SesContext(publisher=publisher, sns=sns, faults=faults)
        self._hosts = hosts
        self._moto = MotoServices()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        service = service_of(environ)
        try:
            refuse_browsers(environ, self._hosts)
            call = route(environ)
            service = call.service
            return self._answer(call, environ, start_response)
        except ApiError as err:
            error = err
        except Exception as err:
            logger.exception("The sandbox failed", extra={"anymail_error_code": type(err).__name__})
            error = ApiError("InternalFailure", "The sandbox failed; its log says why.", 500)
        body, headers = build_error(error, service)
        return _respond(error.status, body, headers, start_response)

    def _answer(
        self, call: Call, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if call.service == "s3":
            check_s3(environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))
            if environ["REQUEST_METHOD"] in ("POST", "PUT"):
                check_room_for_object(read_length(environ))
            return self._moto.answer("s3", environ["REQUEST_METHOD"], environ, start_response)
        names = set()
        if call.service in ("ses", "sesv2"):
            request = _parse(call, environ)
            _check(call.service, {request.operation})
            result = self._play(request)
            if result is not None:
                return _respond(200, *build_response(request, result), start_response)
            names = {request.operation}
        names |= named_operations(environ, call.body)
        _check(call.service, names)
        return self._moto.answer(call.service, min(names), environ, start_response)

    def _play(self, request: ApiRequest) -> Mapping[str, Any] | None:
        """The result of a call; None leaves it to moto."""
        if (request.service, request.operation) in SEND_OPERATIONS:
            time.sleep(self._ses.faults.latency)
        operation = OPERATIONS.get((request.service, request.operation))
        try:
            return None if operation is None else operation(self._ses, request)
        except SesError as err:
            raise err.as_api_error(request.service) from err


def _check(service: str, operations: Collection[str]) -> None:
    check_operations(service, operations)
    for operation in operations:
        check_room(service, operation)


def _parse(call: Call, environ: Environ) -> ApiRequest:
    source_ip = environ.get("REMOTE_ADDR", "127.0.0.1")
    if call.service != "sesv2":
        return parse_query_request(call.region, call.form, source_ip)
    method, path = environ["REQUEST_METHOD"], sent_path(environ)
    query = environ.get("QUERY_STRING", "")
    return parse_rest_request(call.region, method, path, query, call.body, source_ip)


def _respond(
    status: int, body: bytes, headers: Mapping[str, str], start_response: StartResponse
) -> Iterable[bytes]:
    everything = {**headers, "Content-Length": str(len(body))}
    start_response(f"{status} {HTTPStatus(status).phrase}", list(everything.items()))
    return [body]
