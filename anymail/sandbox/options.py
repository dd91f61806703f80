"""The options of ``python -m anymail.sandbox`` and of ``manage.py anymail_sandbox``."""

from __future__ import annotations

import shlex
from argparse import Action, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

from .aws.faults import MAX_LATENCY
from .servers import without_credentials

#: Where a project describes itself to the sandbox, as JSON. (There is a secret in it, and everybody
#: on a machine can read the arguments of a process.)
PROJECT_VARIABLE = "ANYMAIL_SANDBOX_PROJECT"
#: Where ``manage.py runserver`` serves a project.
SITE = "http://127.0.0.1:8000"


@dataclass(kw_only=True)
class Options:
    """The options, by the names of their arguments.

    :param project: what ``manage.py anymail_sandbox`` says of the project.
    """

    site: list[str] = field(default_factory=list)
    port: int = 8025
    amazon_port: int = 8026
    bind: str = "127.0.0.1"
    allow_remote: bool = False
    domain: list[str] = field(default_factory=list)
    configuration_set: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    empty: bool = False
    latency: float = 0.0
    max_send_rate: float | None = None
    key_file: Path | None = None
    json: bool = False
    once: bool = False
    project: dict[str, Any] = field(default_factory=dict)

    @property
    def is_beside_project(self) -> bool:
        """Whether only a project's webhooks are subscribed, and not the sandbox's own."""
        return not self.once and bool(self.site or self.project)


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add the arguments that both commands have; returns them."""
    defaults = vars(Options())

    def add(name: str, text: str, **kind: Any) -> Action:
        default = defaults[name[2:].replace("-", "_")]
        return parser.add_argument(name, default=default, help=text, **kind)

    several: dict[str, Any] = {"action": "append", "metavar": "NAME"}
    port: dict[str, Any] = {"type": number(int, 0, 65_535), "metavar": "PORT"}
    latency: dict[str, Any] = {"type": number(float, 0, MAX_LATENCY)}
    rate: dict[str, Any] = {"type": number(float, 0.1, 10_000)}
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    return [
        add("--site", "post events to the webhooks of this site", action="append", metavar="URL"),
        add("--port", "port of the page (default: %(default)s)", **port),
        add("--amazon-port", "port of the AWS APIs (default: %(default)s)", **port),
        add("--bind", "address to listen on (default: %(default)s)", metavar="ADDRESS"),
        add("--allow-remote", "let other machines in, and post to them", action="store_true"),
        add("--domain", "a domain that receives mail", **several),
        add("--configuration-set", 'a configuration set to create besides "sandbox"', **several),
        add("--verified", "accept only this sender: an address or a domain", **several),
        add("--empty", "start with an account in which nothing is set up", action="store_true"),
        add("--latency", "delay each call that sends", metavar="SECONDS", **latency),
        add("--max-send-rate", "throttle above N recipients per second", metavar="N", **rate),
        add("--key-file", "where to keep the key that signs SNS messages", **file),
        add("--json", "print one JSON object per line", action="store_true"),
    ]


def command_line(actions: Iterable[Action], values: Mapping[str, Any]) -> list[str]:
    """The arguments that give these values again."""
    return [word for action in actions for word in _words(action, values[action.dest])]


def project_command(values: Mapping[str, Any]) -> str:
    """The command that starts the sandbox beside a project with the same options."""
    shared = add_arguments(ArgumentParser())
    sites = [without_credentials(url) for url in values["site"]]
    if not sites and not values["empty"]:  # in which nothing is subscribed
        sites = [SITE]
    given = [one for one in shared if one.dest == "site" or values[one.dest] != one.default]
    words = command_line(given, {**values, "site": sites, "json": False})
    return shlex.join(["python", "manage.py", "anymail_sandbox", *words])


def _words(action: Action, value: Any) -> Iterator[str]:
    [name] = action.option_strings
    if action.nargs == 0:
        yield from [name] if value else []
    elif isinstance(value, list):
        yield from (f"{name}={one}" for one in value)
    elif value is not None:
        yield f"{name}={value}"


def number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """A parser of numbers between two others.

    :param kind: ``int`` or ``float``.
    """

    def parse(text: str) -> float:
        try:
            found = kind(text)
        except ValueError:
            found = nan
        if not least <= found <= most:
            raise ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return found

    return parse
