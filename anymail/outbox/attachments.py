"""Large contents of stored messages, in a storage of Django's.

It is that of ``STORAGES["anymail"]``, or the default storage. A content is the file
``anymail-outbox/<entry id>/<index>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from ..mime.streaming import StreamedFile
from .freezing import StoredPart
from .logs import OwnLogger

logger: OwnLogger = OwnLogger(__name__)

ALIAS = "anymail"
FOLDER = "anymail-outbox"
#: Entries that are looked up at a time.
BATCH = 500


class LostAttachment(Exception):
    """The content of an attachment is not in the storage. Says which, and where it should be."""


def storage() -> Storage:
    """The storage: ``STORAGES["anymail"]``, or the default one.

    :raises InvalidStorageError: it cannot be made (``django.core.files.storage.handler``).
    """
    return storages[_alias()]


def save_parts(entry_id: UUID, parts: Iterable[StoredPart]) -> list[str]:
    """Store the large contents of a message.

    They are read in small pieces. If one cannot be stored, those before it are deleted.

    :param entry_id: the folder's name.
    :param parts: in the order of their index.
    :return: the names under which they are stored, in the same order. A storage may choose another
        name than it was asked for.
    :raises Exception: whatever the storage raises.
    """
    saved: list[str] = []
    store = storage()
    try:
        for part in parts:
            name = f"{_folder(entry_id)}/{part.index}"
            content: Any = StreamedFile(part.chunks, part.size)
            saved.append(store.save(name, File(content, name)))
    except BaseException:
        delete_parts(saved)
        raise
    return saved


def open_part(name: str) -> bytes:
    """The content that is stored under a name.

    :param name: what :func:`save_parts` returned.
    :raises LostAttachment: there is none.
    :raises Exception: whatever else the storage raises.
    """
    try:
        with storage().open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError as err:
        raise LostAttachment(
            f"The attachment {name!r} is not in the storage {_described()}. Bring the file back, "
            "and send the message again; or cancel it."
        ) from err


def delete_parts(names: Iterable[str]) -> None:
    """Delete contents, and the folder of their entry. Never raises; failures are logged.

    :param names: what :func:`save_parts` returned.
    """
    folders = set()
    for name in names:
        _delete(name)
        folders.add(name.rpartition("/")[0])
    for folder in folders:
        _delete_folder(folder)


def delete_entry(entry_id: UUID) -> None:
    """Delete all contents of an entry. Never raises; failures are logged.

    :param entry_id: of an entry, or what :func:`orphans` found.
    """
    folder = _folder(entry_id)
    try:
        _, files = storage().listdir(folder)
    except FileNotFoundError:
        return
    except Exception:
        about = {"anymail_stored_file": folder}
        logger.exception("The folder %s cannot be listed in the storage.", folder, extra=about)
        return
    for name in files:
        _delete(f"{folder}/{name}")
    _delete_folder(folder)


def orphans(older_than: datetime, exists: Callable[[Iterable[UUID]], set[UUID]]) -> Iterator[UUID]:
    """The ids in the storage that no entry has: those of transactions that were rolled back.

    :param older_than: aware; younger ones are left out, for their transaction may still run. Take a
        day or more.
    :param exists: which of these ids entries have; gets up to 500.
    :raises Exception: whatever the storage raises.
    """
    old = (found for found in _stored_ids() if _milliseconds(found) < older_than.timestamp() * 1000)
    while ids := list(islice(old, BATCH)):
        existing = exists(ids)
        yield from (found for found in ids if found not in existing)


def folder_id(name: str) -> UUID | None:
    """The id in the name of a content; None if a storage has chosen another place for it.

    :param name: what :func:`save_parts` returned.
    """
    folder, _, hexadecimal = name.rpartition("/")[0].rpartition("/")
    try:
        return UUID(hex=hexadecimal) if folder == FOLDER else None
    except ValueError:
        return None


def _stored_ids() -> Iterator[UUID]:
    try:
        folders, _ = storage().listdir(FOLDER)
    except FileNotFoundError:
        return
    for folder in folders:
        try:
            found = UUID(hex=folder)
        except ValueError:
            continue
        if found.hex == folder and found.version == 7:
            yield found


def _milliseconds(entry_id: UUID) -> int:
    """When an id was made, since 1970 (RFC 9562, "UUID Version 7")."""
    return entry_id.int >> 80


def _folder(entry_id: UUID) -> str:
    return f"{FOLDER}/{entry_id.hex}"


def _delete(name: str) -> None:
    try:
        storage().delete(name)
    except Exception:
        about = {"anymail_stored_file": name}
        logger.exception("The attachment %s cannot be deleted from the storage.", name, extra=about)


def _delete_folder(folder: str) -> None:
    """Delete an empty folder, where there are any."""
    try:
        store = storage()
        if isinstance(store, FileSystemStorage) and folder.startswith(f"{FOLDER}/"):
            store.delete(folder)
    except Exception:
        about = {"anymail_stored_file": folder}
        logger.exception("The folder %s cannot be deleted from the storage.", folder, extra=about)


def _alias() -> str:
    return ALIAS if ALIAS in storages.backends else "default"


def _described() -> str:
    return f'STORAGES["{_alias()}"] ({type(storage()).__name__})'
