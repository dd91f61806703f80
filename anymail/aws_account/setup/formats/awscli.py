"""A shell script with a command of the ``aws`` tool for each call that ``--apply`` makes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..kinds import creation_steps
from ..resources import Desired
from ..steps import Context, command

#: Stands for the secret while a command is put together; a shell variable takes its place.
PLACE_OF_SECRET = "SECRET:SECRET"  # noqa: S105
CHECK = ': "${WEBHOOK_SECRET:?user:password of the webhooks, percent-encoded as in a URL}"'


def script(desired: Desired) -> str:
    """The script, for an account that has nothing.

    :param desired: for which ``WEBHOOK_SECRET`` is a variable of the shell.
    """
    context = Context(place=desired.place, tags=desired.tags, secret=PLACE_OF_SECRET)
    lines = list(_lines(desired, context))
    needed = [CHECK] * any("$WEBHOOK_SECRET" in line for line in lines)
    region = f"export AWS_DEFAULT_REGION={desired.place.region}"
    return "\n".join(["#!/bin/sh", "set -eu", region, *needed, *lines])


def _lines(desired: Desired, context: Context) -> Iterator[str]:
    for resource in desired.resources:
        for step in creation_steps(resource.spec, context):
            yield ""
            yield f"# {step.text}"
            # The URL is in single quotes only if it has characters that need them.
            quote = "'" if re.search(f"'https?://{PLACE_OF_SECRET}@", command(step.call)) else ""
            variable = f'{quote}"$WEBHOOK_SECRET"{quote}'
            yield command(step.call).replace(PLACE_OF_SECRET, variable)
