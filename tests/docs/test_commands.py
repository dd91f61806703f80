"""What the documentation tells to type exists: programs, options, packages, calls of AWS.

Every command in a block of a console is taken apart; nothing is run. JSON parses, and a document
that a command refers to (``file://name.json``, the caption of a block) is what the call takes.
"""

from __future__ import annotations

import configparser
import fnmatch
import functools
import json
import re
import shlex
import unittest
from collections.abc import Callable, Iterator
from importlib.metadata import metadata, requires
from importlib.util import find_spec
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError
from django.test import SimpleTestCase

from ..docs_pages import ROOT, Block, blocks, pages

CONSOLES = {"console", "shell", "bash", "literal"}
#: What nothing can be wrong with.
PLAIN = {"text", "python", "rst", "html+django"}
#: What readers are told to install, beside what is in the extras of this package.
PACKAGES = {".", "django-anymail-ses", "django-anymail", "botocore", "pre-commit"}
#: Where the command line tool of AWS has another name than the API has.
AWS_NAMES = {("sns", "subscribe", "notification-endpoint"): "Endpoint"}
#: Actions of IAM, the types of resources that each is about, and whether it needs one.
REFERENCE = json.loads((ROOT / "tests" / "service_authorization.json").read_text())["actions"]
IAM_ACTION = re.compile(r'"((?:cloudwatch|iam|kms|s3|ses|sns|sqs|sts):\w+\*?)"')
Check = Callable[[list[str], Block], None]


def all_blocks() -> list[Block]:
    return [block for page in pages() for block in blocks(page)]


def commands(block: Block) -> Iterator[list[str]]:
    """The commands in a block, split into words; what they print is left out."""
    text = block.text.replace("\\\n", " ")
    has_prompts = text.startswith("$ ")
    for line in text.splitlines():
        if not has_prompts or line.startswith("$ "):
            for command in line.removeprefix("$ ").split(" && "):
                yield shlex.split(command, comments=True)


def check_python(words: list[str], block: Block) -> None:
    if words[0] == "-c":
        compile(words[1], str(block), "exec")
    elif words[:2] == ["-m", "pip"]:
        check_pip(words[2:])
    elif words[0] == "-m":
        assert find_spec(words[1]), words
    elif words[0] == "manage.py":
        check_management_command(words[1], words[2:])
    else:
        assert (ROOT / words[0]).is_file(), words
        loader = unittest.TestLoader()
        loader.loadTestsFromNames([word for word in words[1:] if word.startswith("tests.")])
        assert not loader.errors, loader.errors


def check_pip(words: list[str]) -> None:
    assert words[0] in ("install", "uninstall"), words
    for word in words[1:]:
        match = re.fullmatch(r"(\.|[\w-]+)(?:\[([\w-]+)\])?", word)
        assert match, word
        if match[1] in (".", "django-anymail-ses") and match[2]:
            assert match[2] in metadata("django-anymail-ses").get_all("Provides-Extra"), word
        elif word.startswith("-"):
            assert word in ("-e", "--force-reinstall", "--no-deps"), word
        else:
            assert match[1] in PACKAGES, word


def check_management_command(name: str, words: list[str]) -> None:
    known = get_commands()
    assert name in known, name
    command = load_command_class(known[name], name) if isinstance(known[name], str) else known[name]
    try:
        command.create_parser("manage.py", name).parse_args(words)
    except CommandError as err:
        raise AssertionError(f"{name}: {err}") from err


def check_django_admin(words: list[str], block: Block) -> None:
    check_management_command(words[0], words[1:])


def check_tool(name: str, words: list[str], block: Block) -> None:
    """A program that comes with the extra ``dev``."""
    package = {"sphinx-build": "sphinx"}.get(name, name)
    needed = [text for text in requires("django-anymail-ses") or () if "dev" in text]
    assert any(re.match(rf"{package}\b", text) for text in needed), name


def check_aws(words: list[str], block: Block) -> None:
    """That a call exists, has these parameters, and takes these values."""
    service, name, *options = words
    model = botocore.session.get_session().get_service_model(service)
    by_name = {xform_name(operation, "-"): operation for operation in model.operation_names}
    shape = model.operation_model(by_name[name]).input_shape
    members = {xform_name(member, "-"): member for member in shape.members}
    given: dict[str, Any] = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        assert option.startswith("--"), option
        option = option.removeprefix("--")
        member = AWS_NAMES.get((service, name, option)) or members[option]
        given[member] = aws_value(shape.members[member], value, block)
    report = ParamValidator().validate(given, shape)
    assert not report.has_errors(), report.generate_report()


def aws_value(shape: Any, value: str, block: Block) -> Any:
    if value.startswith("file://"):
        value = document(block, value.removeprefix("file://"))
    if shape.type_name == "map" and not value.startswith("{"):
        return dict(pair.split("=", 1) for pair in value.split(","))
    if shape.type_name in ("structure", "list", "map"):
        return json.loads(value)
    return value


def document(block: Block, name: str) -> str:
    """The block of the same page with this caption."""
    [text] = [b.text for b in blocks(ROOT / block.page) if b.caption == name]
    return text


def check_anything(words: list[str], block: Block) -> None:
    """Programs of the system."""


def check_pre_commit(words: list[str], block: Block) -> None:
    # The sdist has no configuration, since it is no repository.
    assert (ROOT / ".pre-commit-config.yaml").is_file() or not (ROOT / ".git").exists()
    assert words == ["install"], words


PROGRAMS: dict[str, Check] = {
    "python": check_python,
    "python3": check_python,
    ".venv/bin/python": check_python,
    ".": check_anything,
    "django-admin": check_django_admin,
    "aws": check_aws,
    "curl": check_anything,
    "export": check_anything,
    "git": check_anything,
    "pre-commit": check_pre_commit,
    **{
        name: functools.partial(check_tool, name)
        for name in ("ruff", "mypy", "sphinx-build", "pyright")
    },
}


class CommandTests(SimpleTestCase):
    def test_every_command_exists(self):
        for block in all_blocks():
            if block.language in CONSOLES and block.reason is None:
                for words in commands(block):
                    with self.subTest(f"{block}: {' '.join(words)}"):
                        self.check(words, block)

    def check(self, words: list[str], block: Block) -> None:
        if (ROOT / words[0]).is_file():
            return
        try:
            PROGRAMS[words[0]](words[1:], block)
        except (KeyError, ValueError) as err:
            raise AssertionError(f"{type(err).__name__}: {err}") from err

    def test_mistakes_are_found(self):
        for text in (
            "$ pyhton -m pip install django-anymail-ses\n",
            '$ python -m pip install "django-anymail-ses[sandbx]"\n',
            "$ python -m pip instal django-anymail-ses\n",
            "$ python -m anymail.sandbux\n",
            "$ python manage.py anymail_prone --older-than 90d\n",
            "$ python manage.py anymail_prune --older-then 90d\n",
            "$ python manage.py anymail_prune --older-than 90\n",
            "$ python runtest.py\n",
            "$ python runtests.py tests.amazon_ses.test_trust.AgeTest\n",
            "$ aws sns subscribe --topic-arn a --protocol https --endpoint-uri https://b\n",
            "$ aws sns subscibe --topic-arn a --protocol https\n",
            "$ aws sns subscribe --protocol https\n",
            "$ aws sns set-topic-attributes --topic-arn a --attribute-name file://none.json\n",
        ):
            block = Block(page="docs/quickstart.rst", line=1, language="console", text=text)
            [words] = commands(block)
            with self.subTest(text), self.assertRaises(AssertionError):
                self.check(words, block)


class JsonTests(SimpleTestCase):
    def test_every_json_block_parses(self):
        for block in all_blocks():
            if block.language == "json" and block.reason is None:
                with self.subTest(str(block)):
                    json.loads(block.text)

    @unittest.skipUnless(find_spec("tomllib"), "tomllib came with Python 3.11")
    def test_every_toml_block_is_toml(self):
        import tomllib

        for block in all_blocks():
            if block.language == "toml":
                with self.subTest(str(block)):
                    tomllib.loads(block.text)

    def test_every_yaml_block_is_yaml(self):
        import yaml  # moto needs it

        for block in all_blocks():
            if block.language == "yaml":
                with self.subTest(str(block)):
                    self.assertIn("apiVersion", yaml.safe_load(block.text))

    def test_every_unit_of_systemd_has_its_sections(self):
        for block in all_blocks():
            if block.language == "ini":
                with self.subTest(str(block)):
                    parser = configparser.ConfigParser(interpolation=None)
                    parser.read_string(block.text)
                    self.assertEqual(parser.sections(), ["Unit", "Service", "Install"])

    def test_every_iam_action_exists(self):
        for block in all_blocks():
            if block.language == "json" and '"Action"' in block.text:
                for action in set(re.findall(IAM_ACTION, block.text)):
                    with self.subTest(f"{block}: {action}"):
                        self.assertTrue(fnmatch.filter(REFERENCE, action))


class LanguageTests(SimpleTestCase):
    def test_every_block_is_of_a_kind_that_is_looked_at(self):
        known = CONSOLES | PLAIN | {"ini", "javascript", "json", "toml", "yaml"}
        for block in all_blocks():
            self.assertIn(block.language, known, str(block))

    def test_every_reason_not_to_run_a_block_stands_above_one(self):
        """A marker that is misspelt, or indented in another way, would be a comment."""
        pattern = re.compile(r"^ *\.\. (?:not run|needs Django|until Django)\b", re.MULTILINE)
        for page in pages():
            marked = shown = 0
            for block in blocks(page):
                marked += not block.runs_with((0,)) or not block.runs_with((99,))
                shown += len(pattern.findall(block.text))
            found = pattern.findall(page.read_text(encoding="utf-8"))
            self.assertEqual(len(found) - shown, marked, page.name)
