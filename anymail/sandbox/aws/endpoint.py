"""One URL for all of AWS: SES is implemented here; moto has the rest of what is allowed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.sansio.utils import get_content_length

from .api import ApiError, ApiRequest
from .bounds import check_room_for_message, check_room_for_object
from .moto_services import MotoServices
from .protocol import Environ, build_error, build_response, parse_request
from .routing import read_body, read_scope, refuse_browsers, ses_service
from .ses.context import SesContext
from .ses.errors import SesError
from .ses.operations import OPERATIONS, REFUSED_OPERATIONS, SEND_OPERATIONS

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
        service = ses_service(environ)
        try:
            refuse_browsers(environ, self._hosts)
            service, region = read_scope(environ)
            return self._answer(service, region, environ, start_response)
        except ApiError as err:
            error = err
        except Exception as err:
            logger.exception("The sandbox failed", extra={"anymail_error_code": type(err).__name__})
            error = ApiError("InternalFailure", "The sandbox failed; its log says why.", 500)
        return _respond(error.status, *build_error(error, service), start_response)

    def _answer(
        self, service: str, region: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if service in ("ses", "sesv2", "sts"):
            request = parse_request(service, region, environ, read_body(environ))
            result = self._run(request)
            if result is not None:
                return _respond(200, *build_response(request, result), start_response)
        else:
            _check_room(service, environ)
        return self._moto.answer(service, environ, start_response)

    def _run(self, request: ApiRequest) -> Mapping[str, Any] | None:
        """The result of a call; None leaves it to moto."""
        key = (request.service, request.operation)
        if key in REFUSED_OPERATIONS:
            text = f"The sandbox does not have the operation {request.operation}."
            raise ApiError("NotImplemented", text)
        if key in SEND_OPERATIONS:
            time.sleep(self._ses.faults.latency)
        try:
            return OPERATIONS[key](self._ses, request) if key in OPERATIONS else None
        except SesError as err:
            raise err.as_api_error(request.service) from err


def _check_room(service: str, environ: Environ) -> None:
    """Refuse what moto has no room for, and bodies that are too large."""
    if service == "s3":  # whose bodies moto reads
        if environ["REQUEST_METHOD"] in ("POST", "PUT"):
            check_room_for_object(get_content_length(environ.get("CONTENT_LENGTH")) or 0)
        return
    body, target = read_body(environ), environ.get("HTTP_X_AMZ_TARGET", "")
    if service == "sqs" and ("SendMessage" in target or b"Action=SendMessage" in body):
        check_room_for_message()


def _respond(
    status: int, body: bytes, headers: Mapping[str, str], start_response: StartResponse
) -> Iterable[bytes]:
    everything = {**headers, "Content-Length": str(len(body))}
    start_response(f"{status} {HTTPStatus(status).phrase}", list(everything.items()))
    return [body]
