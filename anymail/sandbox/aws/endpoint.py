"""One URL for all of AWS: SES is implemented here; moto has the rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any

from moto.moto_server import werkzeug_app
from werkzeug.test import run_wsgi_app

from . import protocol
from .api import ApiError, ApiRequest
from .permissions import check_permission
from .protocol import Environ, Response, StartResponse
from .routing import read_body, read_scope, refuse_browsers, ses_service
from .ses.context import SesContext
from .ses.errors import SesError
from .ses.operations import OPERATIONS, REFUSED, SENDING

logger: logging.Logger = logging.getLogger(__name__)

#: Of moto. Others run containers, call other hosts, write files, or (STS) give access to other
#: accounts.
SERVICES = frozenset({"kms", "s3", "ses", "sesv2", "sns", "sqs"})
_create: Any = cache(werkzeug_app.create_backend_app)
#: One thread at a time: two that call ast.parse() can fail in CPython 3.11 ("AST constructor
#: recursion depth mismatch"), and werkzeug does for each URL.
_creating = Lock()


class AwsEndpoint:
    """A WSGI application.

    :param hosts: the names under which it may be called, as in Django's ``ALLOWED_HOSTS``.
    """

    def __init__(self, ses: SesContext, *, hosts: Sequence[str]) -> None:
        self._ses = ses
        self._hosts = hosts

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        service = ses_service(environ)
        try:
            refuse_browsers(environ, self._hosts)
            service, region = read_scope(environ)
            body = b"" if service == "s3" else read_body(environ)  # S3's may be large
            check_permission(self._ses.faults.denied, service, environ, body)
            if service in ("iam", "ses", "sesv2", "sts"):
                request = protocol.parse_request(service, region, environ, body)
                result = self._run(request)
                if result is not None:
                    return _respond(200, protocol.build_response(request, result), start_response)
            return _ask_moto(service, environ, start_response)
        except ApiError as err:
            error = err
        except Exception as err:
            logger.exception("The sandbox failed", extra={"anymail_error_code": type(err).__name__})
            error = ApiError("InternalFailure", "The sandbox failed; its log says why.", 500)
        return _respond(error.status, protocol.build_error(error, service), start_response)

    def _run(self, request: ApiRequest) -> Mapping[str, Any] | None:
        """The result of a call; None leaves it to moto."""
        if request.operation in REFUSED:
            text = f"The sandbox does not have the operation {request.operation}."
            raise ApiError("NotImplemented", text)
        operation = OPERATIONS.get(request.operation)
        if operation in SENDING:
            time.sleep(self._ses.faults.latency)
        try:
            return operation(self._ses, request) if operation else None
        except SesError as err:
            raise err.as_api_error(request.service) from err


def _respond(status: int, response: Response, start_response: StartResponse) -> Iterable[bytes]:
    body, headers = response
    everything = {**headers, "Content-Length": str(len(body))}
    start_response(f"{status} {HTTPStatus(status).phrase}", list(everything.items()))
    return [body]


def _ask_moto(service: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Let moto answer a request; with HTML, it says that it does not know what to do."""
    if service not in SERVICES:
        raise ApiError("NotImplemented", f"The sandbox does not have the service {service[:60]!r}.")
    environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)  # there is one account
    try:
        with _creating:
            application = _create(service)
        body, status, headers = run_wsgi_app(application, environ)
        is_page = "html" in headers.get("Content-Type", "") and not status.startswith("2")
        problem = status if is_page else ""
    except Exception as err:
        kind = type(err).__name__
        problem = f"{kind}: {err}"
        logger.info("moto's %s raised %s", service, kind, extra={"anymail_error_code": kind})
    if problem:
        text = f"The sandbox cannot answer this request to {service} ({problem})."
        raise ApiError("NotImplemented", text)
    start_response(status, list(headers.items()))
    return body
