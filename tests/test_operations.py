"""Migrations that later versions bring, on tables that are in use."""

from __future__ import annotations

import io
import re
from unittest import skipUnless

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import TransactionTestCase

APPS = ("anymail_feedback", "anymail_outbox")


@skipUnless(connection.vendor == "postgresql", "Other databases do it by themselves.")
class LaterMigrationTests(TransactionTestCase):
    def test_indexes_of_older_tables_are_made_while_others_write(self) -> None:
        found = 0
        for app, name in MigrationLoader(connection).disk_migrations:
            if app not in APPS or name == "0001_initial":
                continue
            out = io.StringIO()
            call_command("sqlmigrate", app, name, stdout=out)
            new = set(re.findall(r'CREATE TABLE ("\w+")', out.getvalue()))
            for index in re.findall("CREATE .*INDEX .*", out.getvalue()):
                [table] = re.findall(r' ON ("\w+")', index)
                with self.subTest(migration=name, index=index):
                    self.assertTrue(table in new or "INDEX CONCURRENTLY" in index)
                    found += "CONCURRENTLY" in index
        self.assertGreater(found, 0)

    def test_they_go_backwards_and_forwards(self) -> None:
        for name in ("0001", "0002"):
            call_command("migrate", "anymail_feedback", name, verbosity=0)
            with connection.cursor() as cursor:
                found = connection.introspection.get_constraints(cursor, "anymail_feedback_bounce")
            self.assertEqual("anymail_bounce_hard" in found, name == "0002")
        call_command("migrate", "anymail_feedback", verbosity=0)
