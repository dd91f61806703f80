"""``python -m anymail.sandbox``: a local Amazon SES with a page to watch it."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import time
from collections.abc import Sequence

from . import SandboxError
from .options import PROJECT_VARIABLE, Options, add_arguments

DESCRIPTION = """\
A local Amazon SES with a page: send messages, watch what becomes of them, receive mail.

It needs no account, no network access and no configuration. Messages to the addresses of SES's
mailbox simulator bounce, complain, and so on. Events are posted as signed SNS messages to this
package's webhooks, on this machine. All that it leaves behind is the key that signs SNS messages,
in your cache folder, so that pasted settings stay valid; with --once, not even that.
"""
INTERRUPTED = 130


class CtrlC:
    """A signal handler that only takes note, until :attr:`immediate` is set.

    An exception from it would break libraries that are being imported, and is lost where Python
    ignores exceptions (finalizers, weakrefs).
    """

    def __init__(self) -> None:
        self.requested: bool = False
        self.immediate: bool = False

    def __call__(self, *_args: object) -> None:
        if self.immediate:
            raise KeyboardInterrupt
        self.requested = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.requested:
            raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None, ctrl_c: CtrlC | None = None) -> int:
    """Run the sandbox until Ctrl-C; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    project = json.loads(os.environ.pop(PROJECT_VARIABLE, "{}"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _run(Options(**vars(parsed), project=project), ctrl_c or CtrlC())
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python would try again to write what is left when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as err:
        kind = "" if isinstance(err, SandboxError) else f"{type(err).__name__}: "
        print(f"The sandbox stopped. {kind}{err}", file=sys.stderr)
        return 1
    return 0


def _run(options: Options, ctrl_c: CtrlC) -> None:
    from .demo import run_demo
    from .output import JsonOutput, TextOutput
    from .run import run_sandbox

    output = JsonOutput(sys.stdout) if options.json else TextOutput(sys.stdout)

    def doing(text: str) -> None:
        ctrl_c.check()
        output.doing(text)

    with run_sandbox(options, doing) as sandbox:
        ctrl_c.check()
        if options.once:
            ctrl_c.immediate = True
            output.demo(run_demo(sandbox.aws))
            return
        output.ready(sandbox)
        while not ctrl_c.requested:
            for url, waits_for in sandbox.watch.changes():
                output.site(url, waits_for)
            time.sleep(0.1)
        # From now on, the next one does not wait for the servers to stop.
        ctrl_c.requested, ctrl_c.immediate = False, True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m anymail.sandbox",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--once",
        action="store_true",
        help="send a message, print what becomes of it, receive a reply, and exit",
    )
    return parser


if __name__ == "__main__":
    handler: CtrlC = CtrlC()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    sys.exit(main(ctrl_c=handler))
