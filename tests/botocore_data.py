"""botocore's data files, parsed once for all boto3 sessions of a process.

Most tests use a session of their own, and each session would parse the same endpoints and service
models again, which is half of the CPU that the tests use.
"""

from __future__ import annotations

import functools
from typing import Any

from botocore.loaders import JSONFileLoader


def share() -> None:
    """Let all loaders share what they read."""
    load_file = JSONFileLoader.load_file
    if getattr(load_file, "is_shared", False):
        return

    @functools.cache
    def load_once(path: str) -> Any:
        return load_file(JSONFileLoader(), path)

    def load_shared(loader: JSONFileLoader, file_path: str) -> Any:
        return load_once(file_path)

    load_shared.is_shared = True  # type: ignore[attr-defined]
    JSONFileLoader.load_file = load_shared  # type: ignore[method-assign]
