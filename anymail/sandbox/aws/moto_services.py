"""moto behind the gate: only its services in :mod:`~.allowed`, nothing else of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from . import allowed
from .bounds import check_room, check_room_for_object
from .protocols.recognition import Environ, read_form, read_length, read_scope
from .protocols.wire import ApiError

logger: logging.Logger = logging.getLogger(__name__)


class MotoServices:
    """moto's services as WSGI applications, each loaded when it is first asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._applications: dict[str, Any] = {}

    def ask(self, service: str, what: str, environ: Environ) -> tuple[str, Any, Iterable[bytes]]:
        """Let moto answer a request that was checked.

        :param service: one in :data:`~.allowed.MOTO`, or ``"s3"``.
        :param what: is asked.
        :return: status, headers and body.
        :raises ApiError: moto raises, or answers with HTML, where it does not know what to do.
        """
        from werkzeug.test import run_wsgi_app

        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)  # there is one account
        try:
            body, status, headers = run_wsgi_app(self._application(service), environ)
            is_page = "html" in headers.get("Content-Type", "") and not status.startswith("2")
            problem = status if is_page else ""
        except Exception as err:
            logger.info(
                "moto failed on %s",
                what,
                exc_info=True,
                extra={"anymail_error_code": type(err).__name__},
            )
            problem = f"{type(err).__name__}: {err}"
        if problem:
            raise ApiError("NotImplemented", f"The sandbox cannot answer {what} ({problem}).")
        return status, headers, body

    def _application(self, service: str) -> Any:
        with self._lock:
            if service not in self._applications:
                from moto.moto_server.werkzeug_app import create_backend_app

                create: Any = create_backend_app
                self._applications[service] = create(service)
            return self._applications[service]


def recognise_other(environ: Environ) -> tuple[str, str]:
    """The service and the operation of a request that is for neither SES nor SNS.

    :raises ApiError: the sandbox is not for that, or has no room for it.
    """
    service = _service(environ)
    if service == "s3":
        return service, _s3_operation(environ)
    operations = named_operations(environ)
    allowed.check_operation(service, operations or [""])
    operation = min(operations)
    check_room(service, operation)
    return service, operation


def named_operations(environ: Environ) -> set[str]:
    """Every name of an operation in a request: moto finds one in JSON that looks like a form, too.

    :raises ApiError: the request cannot be read.
    """
    body, _ = read_form(environ)
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    actions = {
        value
        for source in (query, body)
        for name, value in parse_qsl(source.decode("utf-8", "replace"), keep_blank_values=True)
        if name == "Action"
    }
    return actions | ({target} if target else set())


def _service(environ: Environ) -> str:
    """The signing name; S3's also if the signature is in the URL.

    :raises ApiError: nobody signed.
    """
    scope = read_scope(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is not None:
        return scope.service
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    credential = query.get("X-Amz-Credential", "").split("/")
    # Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
    if "AWSAccessKeyId" in query or (len(credential) == 5 and credential[3] == "s3"):
        return "s3"
    raise ApiError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def _s3_operation(environ: Environ) -> str:
    method = environ["REQUEST_METHOD"]
    allowed.check_s3(method, environ.get("QUERY_STRING", ""))
    if method in ("POST", "PUT"):
        check_room_for_object(read_length(environ))
    return f"{method} of S3"
