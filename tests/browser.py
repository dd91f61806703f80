"""A browser for tests and pictures: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Milliseconds within which it starts, on a slow machine.
TIMEOUT = 180_000
#: Chromium asks its maker's hosts for things, which a test must not, and root needs no sandbox.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def chromium() -> str | None:
    """Where Chromium is: what ``CHROMIUM`` says, or Debian's package; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def why_not() -> str:
    """What is missing; empty if nothing is."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed: python -m pip install playwright"
    return "" if chromium() else "there is no Chromium: apt-get install chromium"


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium for the length of a ``with`` block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=ARGUMENTS, timeout=TIMEOUT
        )
        try:
            yield launched
        finally:
            launched.close()
