"""moto's services as WSGI applications, each loaded when it is first asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from moto.moto_server import werkzeug_app
from werkzeug.test import run_wsgi_app

from .api import ApiError

logger: logging.Logger = logging.getLogger(__name__)

#: Others of moto run containers, call other hosts, write files, or (STS) give access to other
#: accounts.
SERVICES = frozenset({"kms", "s3", "ses", "sesv2", "sns", "sqs"})


class MotoServices:
    """The services that may be used. Everything else of moto is out of reach."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._applications: dict[str, Any] = {}

    def answer(
        self, service: str, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Let moto answer a request.

        :raises ApiError: moto raises, or answers with HTML, where it does not know what to do.
        """
        if service not in SERVICES:
            text = f"The sandbox does not have the service {service[:60]!r}."
            raise ApiError("NotImplemented", text)
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)  # there is one account
        try:
            body, status, headers = run_wsgi_app(self._application(service), environ)
            is_page = "html" in headers.get("Content-Type", "") and not status.startswith("2")
            problem = status if is_page else ""
        except Exception as err:
            problem = f"{type(err).__name__}: {err}"
            more = {"anymail_error_code": type(err).__name__}
            logger.info("moto's %s failed", service, exc_info=True, extra=more)
        if problem:
            text = f"The sandbox cannot answer this request to {service} ({problem})."
            raise ApiError("NotImplemented", text)
        start_response(status, list(headers.items()))
        return body

    def _application(self, service: str) -> Any:
        with self._lock:
            if service not in self._applications:
                create: Any = werkzeug_app.create_backend_app
                self._applications[service] = create(service)
            return self._applications[service]
