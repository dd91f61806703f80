"""The health file: a liveness probe looks at its age."""

from __future__ import annotations

import logging
from pathlib import Path

from django.core.management.base import CommandError

logger: logging.Logger = logging.getLogger(__name__)


def check_health_file(path: Path | None) -> None:
    """Touch the health file for the first time, if there is one.

    :raises CommandError: it cannot be written (exit code 2).
    """
    try:
        if path is not None:
            path.touch()
    except OSError as err:
        raise CommandError(f"--health-file cannot be written: {err}", returncode=2) from err


def touch(path: Path | None) -> None:
    """Set the time of modification of the health file, if there is one."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as err:
        about = {"anymail_health_file": str(path)}
        logger.warning("The health file cannot be written: %s", err, extra=about)
