"""Large contents: stored, read, deleted, and found when nobody needs them any more."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages
from django.test import SimpleTestCase, override_settings

from anymail.outbox import attachments
from anymail.outbox.attachments import (
    LostAttachment,
    delete_entry,
    delete_parts,
    open_part,
    orphans,
    save_parts,
)
from anymail.outbox.freezing import StoredPart, freeze

from ..ses import simple_message

NOW = datetime(2026, 11, 29, tzinfo=timezone.utc)


def entry_id(age: timedelta = timedelta(), number: int = 1) -> UUID:
    """A UUIDv7 (RFC 9562)."""
    milliseconds = int((NOW - age).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number)


def part(content: Any, index: int = 0) -> StoredPart:
    return StoredPart(index=index, content=content, size=len(content))


class FullStorage(InMemoryStorage):
    """Has space for one file."""

    def _save(self, name: str, content: Any) -> str:
        if name.endswith("/1"):
            raise OSError("no space")
        return super()._save(name, content)


class BrokenStorage(InMemoryStorage):
    """Cannot be reached."""

    def delete(self, name: str) -> None:
        raise OSError("no connection")

    def listdir(self, path: str) -> Any:
        raise OSError("no connection")

    def _open(self, name: str, mode: str = "rb") -> Any:
        raise OSError("no connection")


class CloudStorage(InMemoryStorage):
    """Uploads as boto3 does: finds out the size, and reads pieces."""

    def _save(self, name: str, content: Any) -> str:
        assert content.seekable()
        assert content.readable()
        assert content.seek(0, os.SEEK_END) == content.size
        content.seek(0)
        pieces = list(iter(lambda: content.read(1000), b""))
        return super()._save(name, ContentFile(b"".join(pieces)))


class StorageTestCase(SimpleTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.use("django.core.files.storage.FileSystemStorage", location=folder.name)

    def use(self, backend: Any, alias: str = "anymail", **options: Any) -> None:
        path = backend if isinstance(backend, str) else f"{__name__}.{backend.__name__}"
        default = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        chosen = {"default": default, alias: {"BACKEND": path, "OPTIONS": options}}
        override = override_settings(STORAGES=chosen)
        override.enable()
        self.addCleanup(override.disable)

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()
        )


class StorageTests(StorageTestCase):
    def test_that_of_the_setting_or_the_default_one(self):
        self.assertIs(attachments.storage(), storages["anymail"])
        self.use("django.core.files.storage.InMemoryStorage", "default")
        self.assertIs(attachments.storage(), storages["default"])

    def test_contents_come_back(self):
        own = entry_id()
        contents = [b"a" * 200_000, bytearray(b"b"), memoryview(b"c"), "ü\ud800" * 100_000]
        frozen = freeze(simple_message(attachments=[("a", contents[3], "text/plain")]))
        parts = [part(content, n) for n, content in enumerate(contents[:3])]
        text = frozen.parts[0]
        names = save_parts(own, [*parts, StoredPart(index=3, content=text.content, size=text.size)])
        self.assertEqual(names, [f"anymail-outbox/{own.hex}/{n}" for n in range(4)])
        self.assertEqual(self.files(), names)
        expected = [*map(bytes, contents[:3]), contents[3].encode("utf-8", "surrogatepass")]
        self.assertEqual([open_part(name) for name in names], expected)

    def test_the_name_is_that_which_the_storage_chose(self):
        own = entry_id()
        taken = f"anymail-outbox/{own.hex}/0"
        storages["anymail"].save(taken, ContentFile(b"other"))
        [name] = save_parts(own, [part(b"mine")])
        self.assertNotEqual(name, taken)
        self.assertEqual((open_part(taken), open_part(name)), (b"other", b"mine"))

    def test_storages_elsewhere(self):
        self.use(CloudStorage)
        content = os.urandom(200_000)
        [name] = save_parts(entry_id(), [part(content)])
        self.assertEqual(open_part(name), content)

    def test_saving_copies_nothing(self):
        size = 25_000_000
        content = os.urandom(size)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        message = simple_message(attachments=[("a.bin", content, None)])
        save_parts(entry_id(), freeze(message).parts)
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 2_000_000)

    def test_what_cannot_be_stored_completely_is_not_stored_at_all(self):
        self.use(FullStorage)
        with self.assertRaisesMessage(OSError, "no space"):
            save_parts(entry_id(), [part(b"a"), part(b"b", 1)])
        with self.assertRaises(LostAttachment):
            open_part(f"anymail-outbox/{entry_id().hex}/0")

    def test_a_file_that_is_lost(self):
        with self.assertRaises(LostAttachment) as raised:
            open_part("anymail-outbox/x/0")
        self.assertIn("'anymail-outbox/x/0'", str(raised.exception))
        self.assertIn('STORAGES["anymail"] (FileSystemStorage)', str(raised.exception))

    def test_other_trouble_stays_what_it_is(self):
        self.use(BrokenStorage)
        with self.assertRaisesMessage(OSError, "no connection"):
            open_part("anymail-outbox/x/0")


class DeletingTests(StorageTestCase):
    def test_the_folder_goes_too(self):
        names = save_parts(entry_id(), [part(b"a"), part(b"b", 1)])
        delete_parts(names)
        self.assertEqual(list((self.root / "anymail-outbox").iterdir()), [])

    def test_what_is_gone_is_no_problem(self):
        delete_parts([f"anymail-outbox/{entry_id().hex}/0"])
        delete_entry(entry_id())

    def test_folders_of_others_stay(self):
        (self.root / "own").mkdir()
        delete_parts(["own/file", "anymail-outbox"])
        self.assertTrue((self.root / "own").is_dir())

    def test_failures_are_logged(self):
        self.use(BrokenStorage)
        with self.assertLogs("anymail.outbox.attachments", "ERROR") as logs:
            delete_parts(["anymail-outbox/x/0", "anymail-outbox/x/1"])
            delete_entry(entry_id())
        self.assertEqual(len(logs.records), 3)

    def test_a_storage_that_cannot_be_made_is_logged(self):
        self.use("tests.no_such_module.Storage")
        with self.assertLogs("anymail.outbox.attachments", "ERROR"):
            delete_parts(["anymail-outbox/x/0"])

    def test_all_of_an_entry(self):
        save_parts(entry_id(), [part(b"a")])
        [other] = save_parts(entry_id(number=2), [part(b"b")])
        delete_entry(entry_id())
        self.assertEqual(self.files(), [other])

    def test_storages_without_folders(self):
        self.use("django.core.files.storage.InMemoryStorage")
        [name] = save_parts(entry_id(), [part(b"a")])
        delete_parts([name])
        with self.assertRaises(LostAttachment):
            open_part(name)


class OrphanTests(StorageTestCase):
    def orphans(self, existing: Iterable[UUID] = ()) -> list[UUID]:
        found = orphans(NOW - timedelta(days=1), lambda ids: set(existing) & set(ids))
        return sorted(found)

    def test_old_ones_without_an_entry(self):
        old, young = entry_id(timedelta(days=2)), entry_id(timedelta(hours=23))
        kept = entry_id(timedelta(days=2), number=2)
        for own in (old, young, kept):
            save_parts(own, [part(b"a")])
        self.assertEqual(self.orphans([kept]), [old])

    def test_nothing_is_stored_yet(self):
        self.assertEqual(self.orphans(), [])

    def test_empty_folders_are_found_too(self):
        old = entry_id(timedelta(days=2))
        (self.root / "anymail-outbox" / old.hex).mkdir(parents=True)
        self.assertEqual(self.orphans(), [old])
        delete_entry(old)
        self.assertEqual(self.orphans(), [])

    def test_other_folders_are_left_alone(self):
        for name in ("own", "0" * 32, str(entry_id(timedelta(days=2)))):
            (self.root / "anymail-outbox" / name).mkdir(parents=True)
        self.assertEqual(self.orphans(), [])

    def test_many_are_looked_up_in_batches(self):
        for number in range(501):
            own = entry_id(timedelta(days=2), number)
            (self.root / "anymail-outbox" / own.hex).mkdir(parents=True)
        asked: list[int] = []

        def exists(ids: Iterable[UUID]) -> set[UUID]:
            asked.append(len(list(ids)))
            return set()

        self.assertEqual(len(list(orphans(NOW, exists))), 501)
        self.assertEqual(asked, [500, 1])
