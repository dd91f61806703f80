"""Every Python block of the documentation runs, or says why it does not.

The blocks of a page run in their order, in one module. What a block of settings sets counts for the
rest of the page; the receivers of a block get a signal for each kind of event, its test cases run,
its URLs are mounted, its models get tables; and where it handles an error of Amazon, Amazon refuses
once. A block that does not run has a comment above it: ``.. not run: reason``.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.test import TransactionTestCase

from ..docs_pages import Block, blocks, pages
from ..docs_runner import Page, Readers, feedback_at_work


def run_blocks(test: TransactionTestCase, page: str, found: Iterable[Block]) -> None:
    """Run blocks as those of a page.

    :raises AssertionError: one of them does not run.
    """
    readers = Readers()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(readers.at_work(folder))
        if page == "feedback":
            stack.enter_context(feedback_at_work())
        runner = Page(test, page, readers.names(page), stack)
        for block in found:
            if block.language == "html+django" and block.caption:
                template = Path(folder, block.caption)
                template.parent.mkdir(parents=True, exist_ok=True)
                template.write_text(block.text)
                continue
            try:
                runner.run(block)
            except Exception as err:
                text = f"{block} does not run: {type(err).__name__}: {err}"
                raise AssertionError(text) from err


#: Templates are files that the Python of the same page uses.
LANGUAGES = ("python", "html+django")


class PythonTests(TransactionTestCase):
    def test_every_block_runs(self):
        for path in pages():
            with self.subTest(path.name):
                found = [block for block in blocks(path) if block.language in LANGUAGES]
                run_blocks(self, path.stem, found)


#: Page -> what must not go unnoticed there.
MISTAKES = {
    "tracking": [
        "from anymail.signal import tracking\n",
        "from anymail.signals import traking\n",
        "import anymail.testing as testing\ntesting.tracking_event('bounced', recipent='a@b.c')\n",
        "def never_called():\n    return EventTpye.BOUNCED\n",
        "for event in (:\n",
        'ANYMAIL = {"AMAZON_SES_CONFIGURATION_SET": "events"}\n',
        'ANYMAIL = {"AMAZON_SES_SPLIT_RECIPIENTS": "yes"}\n',
        "# settings.py\nANYMIAL = {}\n",
        '# settings.py\nANYMAIL = {"WEBHOOK_SECRET": env("ANYMAIL_WEBHOOK_SECERT")}\n',
        'INSTALLED_APPS = [..., "anymial"]\n',
        'EMAIL_BACKEND = "anymail.backends.amazon_ses3.EmailBackend"\n',
        'MAILERS = {"default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend", '
        '"OPTIONS": {"regoin": "us-east-1"}}}\n',
        "# urls.py\nfrom django.urls import include, path\n"
        'urlpatterns = [path("anymail/", include("anymail.url"))]\n',
        "from anymail.signals import tracking\nfrom django.dispatch import receiver\n"
        "@receiver(tracking)\ndef receive(sender, event, esp_name, **kwargs):\n"
        "    event.is_hard_bonce\n",
        "from anymail.signals import tracking\nfrom django.dispatch import receiver\n"
        "@receiver(tracking)\ndef receive(sender, event, esp_name, **kwargs):\n"
        "    Customer.objects.filter(emial=event.recipient)\n",
        "from django.test import SimpleTestCase\nclass Tests(SimpleTestCase):\n"
        "    def test(self):\n        self.assertEqal(1, 1)\n",
    ],
    "inbound": [
        "from anymail.signals import inbound\nfrom django.dispatch import receiver\n"
        "@receiver(inbound)\ndef receive(sender, event, esp_name, **kwargs):\n"
        "    event.message.envelope_recipent\n",
    ],
    "lambda": [
        "from anymail.signals import account_changed\nfrom django.dispatch import receiver\n"
        "@receiver(account_changed)\ndef receive(sender, event, esp_name, **kwargs):\n"
        "    event.resource\n",
    ],
    "sending": [
        "from anymail.message import AnymailMessage\n"
        'AnymailMessage(to=["a@example.com"], mettadata={})\n',
        "from anymail.message import AnymailMessage\n"
        'message = AnymailMessage(to=["a@example.com"])\n'
        'message.esp_extra = {"ConfigurationSet": "x"}\n',
        "from anymail.exceptions import AnymailAPIError\nfrom django.core.mail import send_mail\n"
        'try:\n    send_mail("a", "b", None, ["a@example.com"])\n'
        "except AnymailAPIError as error:\n    error.eror_code\n",
        "from django.dispatch import receiver\nfrom anymail.signals import post_send\n"
        "@receiver(post_send)\ndef keep(sender, message, status, esp_name, **kwargs):\n"
        "    status.recipient\n",
    ],
    "feedback": [
        "from django.dispatch import receiver\nfrom anymail.feedback.signals import feedback\n"
        "@receiver(feedback)\ndef keep(sender, instance, message, notification, **kwargs):\n"
        "    instance.is_hard\n",
    ],
}


class MistakeTests(TransactionTestCase):
    def test_mistakes_are_found(self):
        for page, mistakes in MISTAKES.items():
            for code in mistakes:
                block = Block(page=f"docs/{page}.rst", line=1, language="python", text=code)
                with self.subTest(code), self.assertRaises(AssertionError):
                    run_blocks(self, page, [block])
