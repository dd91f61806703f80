"""The quickstart, as its reader follows it: its files, its commands, and what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.test import SimpleTestCase

from anymail.sandbox.aws.sns.signing_key import SigningKey

from ..docs_pages import DOCS, ROOT, Block, blocks
from ..sandbox import running_sandbox

PAGE = DOCS / "quickstart.rst"
FILE = re.compile(r"# (\S+\.py)\b")
#: What the tests run in has this package already.
INSTALLING = ("python3 -m venv", "python -m pip")
#: The site in the page's commands.
SITE = "https://www.example.com"
MAIL_LOOP = r"^mail loop: sent [\d.]+ s, delivered [\d.]+ s, bounced [\d.]+ s, complained [\d.]+ s"


def steps(first: str, end: str) -> Iterator[Block]:
    """The blocks from one heading to another.

    :param first: the beginning of the first heading.
    :param end: that of the heading after the last.
    """
    lines = list(enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1))
    start, stop = (
        next(number for number, line in lines if line.startswith(text)) for text in (first, end)
    )
    return (block for block in blocks(PAGE) if start <= block.line < stop)


def runs_with_this_django(block: Block) -> bool:
    """Whether it is for all versions of Django, or names this one in its first line."""
    first, this = block.text.partition("\n")[0], "{}.{}".format(*django.VERSION[:2])
    return "Django" not in first or this in first


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    for text in block.text.split("$ ")[1:]:
        command, *expected = text.splitlines()
        yield command, expected


def typed_commands(first: str, end: str) -> list[str]:
    """The commands between two headings."""
    consoles = (block for block in steps(first, end) if block.language == "console")
    return [command for block in consoles for command, _ in commands(block)]


def nameserver(command: str, address: str) -> list[str]:
    """What makes the doctor ask the sandbox's DNS, and not the world's."""
    return ["--nameserver", address] if "doctor" in command else []


def write(folder: Path, block: Block) -> None:
    """Put code into the file that its first line names; settings are added to what is there."""
    match = FILE.match(block.text)
    assert match is not None, str(block)
    path = folder / match[1]
    if path.name == "settings.py":
        text = block.text.replace("    ...,", "    *INSTALLED_APPS,")
        path.write_text(f"{path.read_text()}\n{text}")
    else:
        path.write_text(block.text)


def program(command: str) -> list[str]:
    """A command of the page, with the interpreter of the tests."""
    name, *arguments = shlex.split(command)
    return [sys.executable, *(["-m", "django"] if name == "django-admin" else []), *arguments]


def environment(**more: str) -> dict[str, str]:
    """That of the tests, without their settings and somebody's AWS account."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "DJANGO_SETTINGS_MODULE" and not name.startswith("AWS_")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def account_of(endpoint: str) -> dict[str, str]:
    """The environment in which boto3 finds an account on this machine.

    :param endpoint: the URL of its APIs.
    """
    return {
        "AWS_ACCESS_KEY_ID": "administrator",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def trust(folder: Path, key_file: Path) -> None:
    """Have the site trust the certificate of the account's SNS, which is not Amazon's."""
    certificates = dict(SigningKey.load_or_create(key_file).certificates)
    with (folder / "shop/settings.py").open("a") as settings:
        settings.write(f'ANYMAIL["AMAZON_SES_SNS_CERTIFICATES"] = {certificates!r}\n')


@contextmanager
def running_site(folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """The site as Django's own server runs it; gives its URL."""
    command = program("python manage.py runserver --noreload 127.0.0.1:0")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(PYTHONUNBUFFERED="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"server at (http://\S+)/$", line):
                break
        else:
            raise AssertionError("The site has not started")
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield found[1]
    finally:
        process.kill()
        process.wait()


class QuickstartTests(SimpleTestCase):
    def test_every_command_prints_what_the_page_shows(self) -> None:
        with TemporaryDirectory() as name:
            typed = self.follow(Path(name), steps("1. Install", "5. Send"))
        self.assertEqual(typed[-2:], ["python manage.py check", "python manage.py test"])

    def test_five_commands_prove_an_empty_account(self) -> None:
        """From nothing to three events, in an account of the sandbox that has nothing."""
        with TemporaryDirectory() as name:
            folder, key_file = Path(name) / "shop", Path(name) / "key.pem"
            folder.mkdir()
            self.follow(folder, steps("1. Install", "4. Test"))
            with running_sandbox("--empty", "--key-file", str(key_file)) as sandbox:
                aws = account_of(sandbox.ready["amazon"])
                typed = self.follow(folder, steps("6. Set up", "7. Deploy"), **aws)
                trust(folder, key_file)
                with running_site(folder, aws) as site:
                    for command in typed_commands("7. Deploy", "Next steps"):
                        more = nameserver(command, sandbox.ready["nameserver"])
                        local = command.replace(SITE, site)
                        printed = self.run_command(folder, local, *more, **aws)
                        typed.append(command)
        self.assertRegex(printed[-1], MAIL_LOOP)
        self.assertEqual(len(typed), 5 - 1, "besides pip")

    def follow(self, folder: Path, page: Iterator[Block], **variables: str) -> list[str]:
        """Write the files, and run the commands; gives those."""
        typed = []
        for block in page:
            if block.language == "python" and runs_with_this_django(block):
                write(folder, block)
            for command, expected in commands(block) if block.language == "console" else ():
                if not command.startswith(INSTALLING):
                    printed = self.run_command(folder, command, **variables)
                    for line in expected:
                        self.assertIn(line, printed, f"{block}: {command}")
                    typed.append(command)
        return typed

    def run_command(self, folder: Path, command: str, *more: str, **variables: str) -> list[str]:
        """Type a command, say yes to what it asks, and return what it prints."""
        run = subprocess.run(
            [*program(command), *more],
            cwd=folder,
            env=environment(**variables),
            input="y\n",
            capture_output=True,
            text=True,
        )
        printed = run.stdout + run.stderr
        self.assertEqual(run.returncode, 0, printed)
        return [line.strip() for line in printed.splitlines()]
