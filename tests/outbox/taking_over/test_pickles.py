"""Hostile pickles."""

from __future__ import annotations

import os
import pickle
from datetime import datetime, timezone
from email.message import Message
from email.mime.image import MIMEImage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.mail import EmailMessage
from django.test import SimpleTestCase

from anymail.outbox.taking_over.pickles import load_message
from anymail.outbox.taking_over.rows import CannotTake

BUILD = pickle.BUILD


def class_opcodes(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.reduced = function, args

    def __reduce__(self) -> Any:
        return self.reduced


class HostilePickleTests(SimpleTestCase):
    def refuse(self, data: bytes) -> str:
        with self.assertRaises(CannotTake) as caught:
            load_message(data, is_trusted=False)
        return str(caught.exception)

    def test_nothing_is_called_that_is_not_part_of_a_message(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        made = Path(folder.name, "made")
        for call in (
            Calls(os.mkdir, str(made)),
            Calls(eval, f"__import__('os').mkdir({str(made)!r})"),
            Calls(exec, f"__import__('os').mkdir({str(made)!r})"),
            Calls(getattr, EmailMessage, "attach_file"),
            Calls(open, str(made), "w"),
            Calls(__import__, "antigravity"),
        ):
            sent = EmailMessage("Hello")
            vars(sent)["extra"] = call
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with self.subTest(call=call.reduced, protocol=protocol):
                    self.assertIn(
                        "which is not part of a plain", self.refuse(pickle.dumps(sent, protocol))
                    )
        self.assertFalse(made.exists())

    def test_neither_methods_nor_what_a_module_imports_are_found(self) -> None:
        for module, name in (
            ("django.core.mail.message", "EmailMessage.attach_file"),
            ("django.core.mail.message", "Path"),
            ("django.core.mail.message", "get_connection"),
            ("email.message", "Message.set_param"),
            ("email.message", "quopri"),
            ("email.message", "BytesIO"),
            ("email.utils", "os"),
            ("email.utils", "os.system"),
            ("email.mime.image", "MIMEImage.__init__.__globals__"),
            ("email", "message_from_file"),
            ("anymail.utils", "get_anymail_setting"),
            ("datetime", "sys"),
            ("mailer.backend", "DbBackend.close"),
        ):
            data = b"\x80\x04" + pickle.dumps(module)[2:-1] + pickle.dumps(name)[2:-1]
            for pickled in (class_opcodes(module, name), data + pickle.STACK_GLOBAL):
                with self.subTest(module=module, name=name):
                    self.assertIn(f"names {module}.{name}, which", self.refuse(pickled + b"."))
        unknown = self.refuse(class_opcodes("email.nothing", "Message") + b".")
        self.assertEqual(unknown, "Its pickle cannot be read: ModuleNotFoundError.")

    def test_no_class_is_changed(self) -> None:
        """Its attributes would be those of all other messages in the process."""
        for module, name in (
            ("django.core.mail.message", "EmailMessage"),
            ("email.message", "Message"),
            ("email.headerregistry", "_reconstruct_header"),
            ("anymail.utils", "UNSET"),
        ):
            for state in ((None, {"envelope_sender": "x"}), {"envelope_sender": "x"}):
                with self.subTest(name=name, state=state):
                    state_opcodes = pickle.dumps(state, 2)[2:-1]
                    data = class_opcodes(module, name) + state_opcodes + BUILD + b"."
                    self.assertEqual(self.refuse(data), "Its pickle changes a class.")
        self.assertFalse(hasattr(EmailMessage, "envelope_sender"))
        self.assertFalse(hasattr(Message, "envelope_sender"))

    def test_what_is_no_message_or_no_pickle_is_a_reason(self) -> None:
        whole = pickle.dumps(EmailMessage("Hello"))
        for data, reason in (
            (pickle.dumps({"to": "x"}), "holds no message, but a dict"),
            (pickle.dumps(MIMEImage(b"x", "png")), "holds no message, but a MIMEImage"),
            (class_opcodes("django.core.mail.message", "EmailMessage") + b".", "but a type"),
            (b"", "cannot be read: EOFError"),
            (whole[: len(whole) // 2], "cannot be read"),
            (b"\x80\xff.", "cannot be read: ValueError"),
            (b"Pid\n.", "cannot be read: UnpicklingError"),  # a persistent id
            (b"\x82\x01.", "cannot be read: ValueError"),  # an extension
            (b"(" * 100_000 + b".", "cannot be read"),
        ):
            with self.subTest(data=data[:20]):
                self.assertIn(reason, self.refuse(data))

    def test_dates_are_found(self) -> None:
        sent: Any = EmailMessage("Hello")
        sent.send_at = datetime(2030, 1, 2, tzinfo=timezone.utc)
        found = load_message(pickle.dumps(sent), is_trusted=False)
        self.assertEqual(found.send_at, sent.send_at)
