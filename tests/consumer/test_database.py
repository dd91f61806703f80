"""Connections and transactions, and what happens when the database is away."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from django.contrib.auth.models import Group
from django.db import connection, connections, transaction
from django.test import TransactionTestCase

from anymail.consumer.handling import answers
from anymail.signals import inbound
from anymail.testing import ses_received

from ..command_processes import end
from ..local_sqs import stored_messages
from ..log_guard import recorded
from . import ConsumerTestCase, envelope, event_body, wait_until
from .processes import Site, site


class Proxy:
    """Passes a TCP port on, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        #: Whether clients of PostgreSQL may only log in, as at a proxy whose server is away.
        self.cuts_queries: bool = False
        self._accept()

    def cut(self) -> None:
        """Refuse connections, and break those that there are."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Pass on again."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._accept()

    def _accept(self) -> None:
        threading.Thread(target=self._serve, args=(self._listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pipe, args=pair, daemon=True).start()

    def _pipe(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            # "Query" and "Parse" (PostgreSQL, "Message Formats").
            while (data := source.recv(65536)) and not (self.cuts_queries and data[:1] in b"QP"):
                target.sendall(data)
            source.shutdown(socket.SHUT_RDWR)
            target.shutdown(socket.SHUT_RDWR)


class ThreadTests(ConsumerTestCase, TransactionTestCase):
    """In this process, with one thread."""

    databases = {"default"}

    def consume_one(self, body: str) -> str:
        name = self.sqs.create_queue()
        self.sqs.send(name, body)
        self.consume(name, count=1, threads=1)
        return name

    def test_receivers_run_in_a_transaction_with_atomic_requests(self):
        for is_atomic in (True, False):
            found: list[bool] = []

            def receive(event: Any, found: list[bool] = found) -> None:
                found.append(connection.in_atomic_block)

            with (
                self.subTest(is_atomic),
                mock.patch.dict(connections.settings["default"], ATOMIC_REQUESTS=is_atomic),
                self.receiving(receive),
            ):
                self.consume_one(event_body())
                self.assertEqual(found, [is_atomic])

    def test_what_they_wrote_is_rolled_back_when_one_raises(self):
        def receive(event: Any) -> None:
            Group.objects.create(name="written")
            raise RuntimeError

        with (
            mock.patch.dict(connections.settings["default"], ATOMIC_REQUESTS=True),
            self.receiving(receive),
            self.assertLogs("anymail.amazon_ses.queued", "ERROR"),
        ):
            name = self.consume_one(event_body())
        self.assertEqual((Group.objects.count(), self.sqs.count(name)), (0, 1))

    def test_a_message_whose_rows_are_rolled_back_is_not_deleted(self):
        with (
            mock.patch.dict(connections.settings["default"], ATOMIC_REQUESTS=True),
            self.receiving(lambda event: transaction.set_rollback(True)),
            self.assertLogs("anymail.amazon_ses.queued", "ERROR") as logs,
        ):
            name = self.consume_one(event_body())
        self.assertEqual(self.sqs.count(name), 1)
        self.assertIn("TransactionManagementError", logs.output[0])

    def test_a_mail_is_deleted_from_s3_after_the_commit(self):
        def fail() -> None:
            raise RuntimeError("the commit failed")

        s3 = self.sqs.client("s3")
        s3.create_bucket(Bucket="mails")
        document = ses_received(b"x")
        document["receipt"]["action"] = {"type": "S3", "bucketName": "mails", "objectKey": "mail"}
        del document["content"]
        for fails, left in ((True, 1), (False, 0)):
            s3.put_object(Bucket="mails", Key="mail", Body=b"Subject: Hi\r\n\r\nText\r\n")
            name = self.sqs.create_queue()
            self.sqs.send(name, envelope(json.dumps(document)))

            def receive(event: Any, fails: bool = fails) -> None:
                if fails:
                    transaction.on_commit(fail)

            with (
                self.subTest(fails=fails),
                mock.patch.dict(connections.settings["default"], ATOMIC_REQUESTS=True),
                self.receiving(receive, inbound),
            ):
                consumer = self.consumer(
                    name, max_messages=1, threads=1, anymail={"inbound_delete_s3_object": True}
                )
                with recorded("anymail.amazon_ses"):
                    self.run_to_end(consumer)
                found = s3.list_objects(Bucket="mails").get("Contents", [])
                self.assertEqual(len(found), left)
                self.assertEqual(self.sqs.count(name), left)

    def test_a_broken_connection_is_not_used_for_the_next_message(self):
        if connection.vendor == "sqlite":
            self.skipTest("without its connection, SQLite in memory is gone")
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body(), event_body())
        calls = []

        def receive(event: Any) -> None:
            calls.append(event.event_id)
            if len(calls) == 1:
                # As when a server ends a connection: the next use of it fails.
                connection.ensure_connection()
                connection.connection.close()
            Group.objects.count()

        with self.receiving(receive), self.assertLogs("anymail.amazon_ses", "ERROR") as logs:
            consumer = self.consume(name, count=3, threads=1)
        self.assertEqual((len(calls), consumer.tally.counts().failed), (3, 1))
        self.assertEqual((len(logs.output), self.sqs.count(name)), (1, 0))


class ProxyTests(ConsumerTestCase, TransactionTestCase):
    databases = {"default"}

    def test_a_database_whose_proxy_only_lets_clients_log_in_is_away(self):
        if connection.vendor != "postgresql":
            self.skipTest("the proxy speaks PostgreSQL's protocol")
        proxy = Proxy(connection.settings_dict["HOST"], connection.settings_dict["PORT"])
        self.addCleanup(proxy.cut)
        behind = connection.copy("behind")
        behind.settings_dict["PORT"] = proxy.port
        # Django asks nothing at the login if the time zone is right.
        behind.settings_dict["OPTIONS"] = {"options": f"-c TimeZone={behind.timezone_name}"}
        self.addCleanup(behind.close)
        self.assertTrue(answers(behind))
        behind.close()
        proxy.cuts_queries = True
        behind.ensure_connection()
        behind.close()
        self.assertFalse(answers(behind))


class AwayTests(ConsumerTestCase, TransactionTestCase):
    databases = {"default"}

    @contextmanager
    def site_with_switch(self) -> Iterator[tuple[Site, Any, Any]]:
        """A project, and functions that take its database away and bring it back."""
        anymail = self.sqs.settings()
        if connection.vendor == "sqlite":
            with site(anymail) as made:
                path = Path(json.loads(made.environment["SITE_DB"])["NAME"])
                folder, away = path.parent, path.parent.with_name("away")
                # What they note is to stay where it is.
                database = folder / "database"
                database.mkdir()
                os.rename(path, database / "db.sqlite3")
                settings = json.loads(made.environment["SITE_DB"])
                settings["NAME"] = str(database / "db.sqlite3")
                made.environment["SITE_DB"] = json.dumps(settings)
                away = folder / "away"
                yield made, lambda: os.rename(database, away), lambda: os.rename(away, database)
            return
        settings = connection.settings_dict
        proxy = Proxy(settings["HOST"], int(settings["PORT"]))
        database = {"NAME": settings["NAME"], "PORT": proxy.port}
        with site(anymail, database) as made:
            yield made, proxy.cut, proxy.restore
        proxy.cut()

    def test_messages_stay_until_it_is_back_and_none_is_dead(self):
        name = self.sqs.create_queue(visibility=5, max_receives=2)
        with self.site_with_switch() as (made, take_away, bring_back):
            process = made.start(name, "--threads", "2")
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            self.sqs.send(name, event_body("bounce"))
            wait_until(lambda: self.sqs.count(name) == 0)
            take_away()
            self.sqs.send(name, *[event_body("bounce") for _ in range(5)])
            wait_until(lambda: "does not answer" in made.log())
            threading.Event().wait(7)  # longer than the visibility timeout
            self.assertEqual(self.sqs.count(name), 5)
            self.assertEqual({m.approximate_receive_count for m in stored_messages(name)}, {1})
            bring_back()
            wait_until(lambda: self.sqs.count(name) == 0)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(end(process)[0], 0)
            self.assertEqual(self.sqs.count(f"{name}-dead"), 0)
            self.assertEqual(len(made.notes()), 6)
            self.assertEqual(made.log().count("does not answer"), 1)
            self.assertIn("The database 'default' answers again", made.log())

    def test_a_consumer_that_waits_for_it_ends_at_once(self):
        name = self.sqs.create_queue()
        with self.site_with_switch() as (made, take_away, _):
            process = made.start(name)
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            self.sqs.send(name, event_body("bounce"))
            wait_until(lambda: self.sqs.count(name) == 0)
            take_away()
            self.sqs.send(name, event_body("bounce"))
            wait_until(lambda: "does not answer" in made.log())
            process.send_signal(signal.SIGTERM)
            code, _, seconds = end(process)
            self.assertEqual(code, 0)
            self.assertLess(seconds, 10)
            self.assertTrue(all(message.visible for message in stored_messages(name)))
