"""How both web servers read requests. (werkzeug comes with moto, and takes a while to import.)"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from werkzeug.serving import WSGIRequestHandler


class RequestHandler(WSGIRequestHandler):
    """Refuses what werkzeug and Django cannot read, and logs no requests."""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        try:
            urlsplit(self.path)
            int(self.headers.get("Content-Length") or 0)
        except ValueError:
            self.send_error(400)
            return False
        return True

    def log_request(self, *_args: Any) -> None:
        pass

    def log_error(self, *_args: Any) -> None:
        pass
