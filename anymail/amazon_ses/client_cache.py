"""The cache of boto3 clients, and the key of a client in it."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

#: Several sets of parameters are usual (regions, tenants); without a bound, parameters that differ
#: with each send would fill the memory.
MAX_CLIENTS = 64


@dataclass(frozen=True, kw_only=True)
class ClientParams:
    """The parameters of a client. Its ``repr`` holds no keys: error reports show variables.

    :param service: boto3's name.
    :param session: keywords for ``boto3.session.Session``.
    :param client: keywords for its ``client()``.
    :param config: options of botocore's ``Config`` that win over those in ``client``.
    :param role: parameters of AssumeRole; empty to use the session's own credentials.
    """

    service: str
    session: Mapping[str, Any] = field(repr=False)
    client: Mapping[str, Any] = field(repr=False)
    config: Mapping[str, Any] = field(default_factory=dict)
    role: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClientKey:
    """Identifies a client; its ``repr`` holds no keys, either."""

    parts: tuple[Hashable, ...] = field(repr=False)


class ClientCache:
    """The clients of one process, the most recently used ones last."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_key: OrderedDict[ClientKey, Any] = OrderedDict()
        self._dropped: WeakSet[Any] = WeakSet()

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: ClientKey, create: Callable[[], Any]) -> Any:
        """The client for a key.

        :param create: creates it if there is none; other threads wait, since it takes long.
        """
        with self._lock:
            if key not in self._by_key:
                self._by_key[key] = create()
                while len(self._by_key) > MAX_CLIENTS:
                    self._by_key.popitem(last=False)
            self._by_key.move_to_end(key)
            return self._by_key[key]

    def drop(self, client: Any) -> None:
        """Forget a client, so that the next caller gets a new one."""
        with self._lock:
            for key in [key for key, kept in self._by_key.items() if kept is client]:
                del self._by_key[key]
            self._dropped.add(client)

    def is_dropped(self, client: Any) -> bool:
        """Whether :meth:`drop` was called for it."""
        try:
            return client in self._dropped
        except TypeError:  # a test double that cannot be hashed
            return False

    def clear(self) -> None:
        """Forget every client."""
        with self._lock:
            self._by_key.clear()


def client_key(params: ClientParams, *others: Hashable) -> ClientKey:
    """The key of a client: everything that has to be equal for it to be shared.

    :param params: its parameters.
    :param others: anything else that counts.
    """
    return ClientKey(
        (
            params.service,
            _freeze(params.session),
            _freeze(params.client),
            _freeze(params.config),
            _freeze(params.role),
            _surroundings(),
            *others,
        )
    )


def _surroundings() -> Hashable:
    """Everything that boto3 reads by itself: environment variables, and two files.

    Source: boto3 documentation, "Credentials", "Configuration".
    """
    names = sorted(name for name in os.environ if name.startswith("AWS_"))
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    return (tuple((name, os.environ[name]) for name in names), *map(_last_changed, files))


def _last_changed(path: str) -> Hashable:
    try:
        found = os.stat(os.path.expanduser(path))
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _freeze(value: Any) -> Hashable:
    """A hashable form, equal for equal parameters."""
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _freeze(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_freeze(item) for item in value)
    return value if isinstance(value, Hashable) else repr(value)
