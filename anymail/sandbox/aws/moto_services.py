"""moto's services as WSGI applications, each loaded when it is first asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from .api import ApiError

logger: logging.Logger = logging.getLogger(__name__)


class MotoServices:
    """The services of :mod:`~.allowed`. Everything else of moto is out of reach."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._applications: dict[str, Any] = {}

    def answer(
        self,
        service: str,
        operation: str,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
    ) -> Iterable[bytes]:
        """Let moto answer a request that was checked.

        :raises ApiError: moto raises, or answers with HTML, where it does not know what to do.
        """
        from werkzeug.test import run_wsgi_app

        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)  # there is one account
        try:
            body, status, headers = run_wsgi_app(self._application(service), environ)
            is_page = "html" in headers.get("Content-Type", "") and not status.startswith("2")
            problem = status if is_page else ""
        except Exception as err:
            problem = f"{type(err).__name__}: {err}"
            logger.info(
                "moto failed on %s of %s",
                operation,
                service,
                exc_info=True,
                extra={"anymail_error_code": type(err).__name__},
            )
        if problem:
            text = f"The sandbox cannot answer {operation} of {service} ({problem})."
            raise ApiError("NotImplemented", text)
        start_response(status, list(headers.items()))
        return body

    def _application(self, service: str) -> Any:
        with self._lock:
            if service not in self._applications:
                from moto.moto_server.werkzeug_app import create_backend_app

                create: Any = create_backend_app
                self._applications[service] = create(service)
            return self._applications[service]
