"""botocore's data files, parsed once for all boto3 sessions of a process.

Most tests use a session of their own, and each session would parse the same endpoints and service
models again, which is half of the CPU that the tests use.
"""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from botocore.loaders import JSONFileLoader, Loader


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


@contextmanager
def botocore_without(service: str, shape: str, member: str) -> Iterator[None]:
    """botocore as it was before a shape of a service had a member, in a ``with`` block."""
    loader = Loader()
    model = copy.deepcopy(loader.load_service_model(service, "service-2"))
    del model["shapes"][shape]["members"][member]
    with TemporaryDirectory() as folder:
        place = Path(folder, service, loader.determine_latest_version(service, "service-2"))
        place.mkdir(parents=True)
        (place / "service-2.json").write_text(json.dumps(model))
        with mock.patch.dict(os.environ, {"AWS_DATA_PATH": folder}):
            yield
