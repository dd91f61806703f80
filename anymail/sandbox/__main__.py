"""``python -m anymail.sandbox``: send a message to a local Amazon SES, and watch the loop."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import closing

DESCRIPTION = """\
Sends a real message with the real e-mail backend to an Amazon SES that runs on this machine,
shows what SES received, and plays what follows: the webhook is subscribed to an SNS topic, hears
what became of the message, and receives a mail through S3.

It needs no account, no network and no configuration, and leaves nothing behind.
"""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox.

    :return: the exit code.
    """
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _run(as_json=options.json)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python would try again to write what is left when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as err:
        kind = "" if type(err).__name__ == "SandboxError" else f"{type(err).__name__}: "
        print(f"The sandbox stopped. {kind}{err}", file=sys.stderr)
        return 1
    return 0


def _run(*, as_json: bool) -> None:
    from . import report
    from .loop import play

    with closing(play()) as steps:
        if as_json:
            print(report.as_json(steps))
            return
        screen = report.Report(sys.stdout)
        for step in steps:
            screen.show(step)
    screen.end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m anymail.sandbox",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")
    return parser


if __name__ == "__main__":
    # A shell makes its background jobs deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
