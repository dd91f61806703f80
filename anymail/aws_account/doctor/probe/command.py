"""The options of ``anymail_doctor`` for probes."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from ....exceptions import AnymailConfigurationError
from ....probes import KEEP
from ....processes.options import number
from ..context import Context
from ..receipt_rules import receiving_domain
from . import loop
from .listening import cache_is_shared
from .loop import Outcome
from .messages import Probe
from .report import as_json, as_lines

logger: logging.Logger = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Add ``--probe`` and what goes with it."""
    parser.add_argument(
        "--probe",
        action="store_true",
        help="instead of checks: send three messages to SES's mailbox simulator, and wait until "
        "their events have come",
    )
    parser.add_argument(
        "--timeout",
        type=number(float, 1, KEEP),
        default=60,
        metavar="S",
        help="with --probe: seconds to wait (default: 60)",
    )
    parser.add_argument(
        "--inbound-domain",
        metavar="DOMAIN",
        help="with --probe: send a mail to this domain, too, which SES receives for you (default: "
        "that of your receipt rules, if there is one)",
    )
    parser.add_argument(
        "--no-inbound",
        action="store_true",
        help="with --probe: send no mail to a domain of yours",
    )


def run(options: Mapping[str, Any], context: Context) -> tuple[bool, Iterator[str]]:
    """Run a probe.

    :param options: of the command.
    :param context: finds the domain whose mail comes to the project.
    :return: whether everything came, and what to print.
    :raises AnymailConfigurationError: it cannot be sent, or its events cannot be heard of.
    """
    probe = Probe(
        from_email=next(iter(options["from_emails"]), None),
        mailer=options["mailer"],
        inbound_domain=_inbound_domain(options, context),
        timeout=options["timeout"],
    )
    outcome = _outcome(probe)
    lines = iter([json.dumps(as_json(probe, outcome))]) if options["json"] else as_lines(outcome)
    return outcome.is_complete, lines


def _inbound_domain(options: Mapping[str, Any], context: Context) -> str | None:
    """The one that was told; or that of the rules, where it can be heard of."""
    told: str | None = options["inbound_domain"]
    if options["no_inbound"] or told is not None:
        return None if options["no_inbound"] else told
    return receiving_domain(context) if cache_is_shared() else None


def _outcome(probe: Probe) -> Outcome:
    try:
        return loop.run(probe)
    except AnymailConfigurationError:
        raise
    except Exception as err:  # of the cache, the database, or the project's receivers
        logger.exception("The probe failed", extra={"anymail_error_code": type(err).__name__})
        return Outcome(problems=[f"{type(err).__name__}; see the log"], missing=probe.expected)
