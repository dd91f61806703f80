"""The arguments of ``python -m anymail.sandbox`` and of ``manage.py anymail_sandbox``."""

from __future__ import annotations

import re
import shlex
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .aws.ses.addresses import LOCAL
from .aws.switches import MAX_LATENCY
from .servers import without_credentials

if TYPE_CHECKING:
    from .start import Options

#: Where a project tells what the sandbox has to know of it, as JSON. (There is a secret in it, and
#: everybody on a machine can read the arguments of a process.)
PROJECT_VARIABLE = "ANYMAIL_SANDBOX_PROJECT"
#: RFC 1123 section 2.1; others are written as Punycode.
DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", re.DOTALL)
#: SES API reference v2, "CreateConfigurationSet".
CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
PORT = 8025
AMAZON_PORT = 8026
#: Where ``manage.py runserver`` serves a project.
SITE = "http://127.0.0.1:8000"


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what both commands understand; gives what was added."""
    add = parser.add_argument
    ports: dict[str, Any] = {"type": port, "metavar": "PORT"}
    several: dict[str, Any] = {"action": "append", "default": []}
    return [
        add("--site", metavar="URL", **several, help="a site whose webhooks are subscribed too"),
        add("--port", **ports, default=PORT, help=f"of the page (default: {PORT})"),
        add("--amazon-port", **ports, default=AMAZON_PORT, help=f"of the APIs ({AMAZON_PORT})"),
        add("--bind", metavar="ADDRESS", default="127.0.0.1", help="to listen on (127.0.0.1)"),
        add("--allow-remote", action="store_true", help="--bind and --site may be elsewhere"),
        add("--domain", type=domain, metavar="NAME", **several, help="receives mail sent to it"),
        add(
            "--configuration-set",
            type=configuration_set,
            metavar="NAME",
            **several,
            help='to have beside "sandbox"',
        ),
        add(
            "--verified",
            type=identity,
            metavar="NAME",
            **several,
            help="the only senders: address or domain",
        ),
        add(
            "--latency", type=latency, default=0.0, metavar="SECONDS", help="makes each send slower"
        ),
        add("--max-send-rate", type=rate, metavar="N", help="recipients per second"),
        add("--key-file", type=Path, metavar="FILE", help="keeps the key that SNS signs with"),
        add("--json", action="store_true", help="print JSON, one object per line"),
    ]


def command_line(actions: Iterable[Action], values: Mapping[str, Any]) -> list[str]:
    """The arguments that give these values again."""
    return [word for action in actions for word in _words(action, values[action.dest])]


def project_command(values: Mapping[str, Any]) -> str:
    """The command that starts the sandbox beside a project in the same way."""
    shared = add_arguments(ArgumentParser())
    sites = [without_credentials(url) for url in values["site"]] or [SITE]
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


def chosen_options(arguments: Namespace, project: Mapping[str, Any]) -> Options:
    """What :func:`~anymail.sandbox.start.running` takes.

    :param project: what :data:`PROJECT_VARIABLE` held.
    """
    from .sites import Webhooks
    from .start import Options

    return Options(
        port=arguments.port,
        amazon_port=arguments.amazon_port,
        bind=arguments.bind,
        allow_remote=arguments.allow_remote,
        sites=[Webhooks(url=url, **project.get("paths", {})) for url in arguments.site],
        domains=arguments.domain,
        configuration_sets=arguments.configuration_set,
        verified=arguments.verified,
        latency=arguments.latency,
        max_send_rate=arguments.max_send_rate,
        key_file=arguments.key_file,
        keeps_key=not arguments.once,
        is_beside_project=not arguments.once and bool(arguments.site or project),
        secret=project.get("secret"),
        mailers=project.get("mailers", Options.mailers),
        command=project_command(vars(arguments)),
    )


def port(text: str) -> int:
    """A port number; 0 for any.

    :raises argparse.ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdecimal() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text!r} is not a port, which is a number from 0 to 65535")
    return int(text)


def amount(text: str) -> float:
    """A number that is not negative.

    :raises argparse.ArgumentTypeError: it is something else.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not isfinite(number) or number < 0:
        raise ArgumentTypeError(f"{text!r} is not a number like 0.5 or 14")
    return number


def latency(text: str) -> float:
    """Seconds that a call may take longer.

    :raises argparse.ArgumentTypeError: it is something else.
    """
    if amount(text) > MAX_LATENCY:
        raise ArgumentTypeError(f"{text!r} is more than {MAX_LATENCY} seconds")
    return amount(text)


def domain(text: str) -> str:
    """A domain.

    :raises argparse.ArgumentTypeError: it is none.
    """
    if not DOMAIN.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not a domain like example.org")
    return text


def identity(text: str) -> str:
    """A domain, or an address.

    :raises argparse.ArgumentTypeError: it is neither.
    """
    local, at, name = text.rpartition("@")
    if not DOMAIN.fullmatch(name) or (at and not LOCAL.fullmatch(local)):
        raise ArgumentTypeError(f"{text!r} is neither a domain nor an address like me@example.org")
    return text


def configuration_set(text: str) -> str:
    """The name of a configuration set.

    :raises argparse.ArgumentTypeError: SES would not take it.
    """
    if not CONFIGURATION_SET.fullmatch(text):
        raise ArgumentTypeError(
            f"{text!r} is not a name of a configuration set: up to 64 letters, digits, - and _"
        )
    return text


def rate(text: str) -> float:
    """A number above zero.

    :raises argparse.ArgumentTypeError: it is something else.
    """
    if not amount(text):
        raise ArgumentTypeError("a rate is above 0")
    return amount(text)
