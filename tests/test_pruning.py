"""``manage.py anymail_prune`` asks the installed apps; here, one of an application."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.apps import AppConfig
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.test import TestCase, override_settings

from anymail.database.pruning import Prunable, PrunableRows, delete_rows
from anymail.management.commands.anymail_prune import Command

OLD = Group.objects.filter(name__startswith="old").order_by("pk")


class ShopConfig(AppConfig):
    """Has groups to delete, of whatever age."""

    name = "tests.test_pruning"
    label = "shop"
    asked: ClassVar[list[timedelta | None]] = []

    def anymail_prunable(self, older_than: timedelta | None) -> list[Prunable]:
        self.asked.append(older_than)
        return [PrunableRows(rows=OLD, name="groups of the shop")]


def prune(*args: str) -> str:
    out = io.StringIO()
    call_command("anymail_prune", *args, stdout=out)
    return out.getvalue()


class CommandTests(TestCase):
    def setUp(self) -> None:
        Group.objects.bulk_create(Group(name=name) for name in ("old 1", "old 2", "new"))
        ShopConfig.asked.clear()

    def names(self) -> list[str]:
        return list(Group.objects.order_by("pk").values_list("name", flat=True))

    @override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
    def test_without_an_app_to_ask_it_says_which_one_may_be_missing(self) -> None:
        with self.assertRaises(CommandError) as caught:
            call_command(Command())
        self.assertIn('"anymail.feedback"', str(caught.exception))

    def test_an_app_decides_what_is_old_if_no_age_is_given(self) -> None:
        apps = {
            "append": "tests.test_pruning.ShopConfig",
            "remove": "tests.outbox.DisconnectedOutbox",
        }
        with self.modify_settings(INSTALLED_APPS=apps):
            self.assertEqual(prune("--dry-run"), "groups of the shop: 2 would be deleted\n")
            self.assertEqual(self.names(), ["old 1", "old 2", "new"])
            self.assertEqual(prune(), "groups of the shop: 2 deleted\n")
        self.assertEqual((self.names(), ShopConfig.asked), (["new"], [None, None]))

    def test_an_age_is_for_all_apps(self) -> None:
        with self.modify_settings(INSTALLED_APPS={"append": "tests.test_pruning.ShopConfig"}):
            lines = prune("--older-than", "2d").splitlines()
        self.assertEqual(lines[0], "bounces: 0 deleted")
        self.assertEqual(lines[-1], "groups of the shop: 2 deleted")
        self.assertEqual(ShopConfig.asked, [timedelta(days=2)])

    def test_a_batch_has_rows(self) -> None:
        with self.assertRaisesRegex(CommandError, "must be 1 or more"):
            prune("--older-than", "2d", "--batch-size", "0")

    def test_a_database_must_be_known(self) -> None:
        with self.assertRaisesRegex(CommandError, "invalid choice: 'x'"):
            prune("--older-than", "2d", "--database", "x")


class PrunableTests(TestCase):
    def setUp(self) -> None:
        Group.objects.bulk_create(Group(name=f"old {number}") for number in range(5))

    def prune(self, delete: Callable[[QuerySet[Any]], int], batch_size: int = 2) -> int:
        return PrunableRows(rows=OLD, name="groups", delete=delete).prune(None, batch_size)

    def test_what_belongs_to_the_rows_is_deleted_with_each_batch(self) -> None:
        batches = []

        def delete(rows: QuerySet[Any]) -> int:
            batches.append([row.name for row in rows])
            return delete_rows(rows)

        self.assertEqual(self.prune(delete), 5)
        self.assertEqual(batches, [["old 0", "old 1"], ["old 2", "old 3"], ["old 4"]])

    def test_what_changes_before_it_is_deleted_stays(self) -> None:
        def delete(rows: QuerySet[Any]) -> int:
            Group.objects.filter(name="old 1").update(name="used again")
            return delete_rows(rows)

        self.assertEqual(self.prune(delete), 4)
        self.assertEqual(Group.objects.get().name, "used again")

    def test_it_ends_when_others_delete_the_rows(self) -> None:
        self.assertEqual(self.prune(lambda rows: 0), 0)

    def test_rows_that_go_with_them_are_not_counted(self) -> None:
        user = User.objects.create(username="ann")
        user.groups.set(Group.objects.all())
        self.assertEqual(self.prune(delete_rows), 5)
