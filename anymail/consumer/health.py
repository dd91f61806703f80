"""The health file: a liveness probe looks at its age."""

from __future__ import annotations

import logging
from pathlib import Path

logger: logging.Logger = logging.getLogger(__name__)


def touch(path: Path | None) -> None:
    """Set the time of modification of the health file, if there is one."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as err:
        about = {"anymail_health_file": str(path)}
        logger.warning("The health file cannot be written: %s", err, extra=about)
