"""``python -m anymail.sandbox``: a local Amazon SES with a page to watch it."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from . import SandboxError
from .arguments import PROJECT_VARIABLE, add_arguments, chosen_options

DESCRIPTION = """\
A local Amazon SES with a page: send messages, watch what becomes of them, receive mail.

It needs no account, no network and no configuration. Messages to the addresses of SES's mailbox
simulator bounce, complain, and so on; what SES tells about them goes through signed SNS messages to
the webhooks of this package, on this machine. Nothing is left behind but the key that SNS signs
with, in your cache folder, so that settings stay valid; with --once, not even that.
"""
INTERRUPTED = 130


class Interruption:
    """Ctrl-C, which is only noticed and asked for: an exception from it would break libraries that
    are being loaded, and is lost where Python ignores exceptions (finalizers, weakrefs).
    """

    def __init__(self) -> None:
        self.came: bool = False
        self.is_sudden: bool = False

    def __call__(self, *_args: object) -> None:
        if self.is_sudden:
            raise KeyboardInterrupt
        self.came = True

    def check(self) -> None:
        """End if it came.

        :raises KeyboardInterrupt: it did.
        """
        if self.came:
            raise KeyboardInterrupt

    def wait(self, meanwhile: Callable[[], object]) -> None:
        """Wait for it. The next one does not wait for anything.

        :param meanwhile: called again and again.
        """
        while not self.came:
            meanwhile()
            time.sleep(0.1)
        self.came, self.is_sudden = False, True


def main(arguments: Sequence[str] | None = None, interruption: Interruption | None = None) -> int:
    """Run the sandbox until Ctrl-C.

    :param interruption: what the signals of the process call.
    :return: the exit code.
    """
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _run(options, interruption or Interruption())
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


def _run(arguments: argparse.Namespace, interruption: Interruption) -> None:
    from .loop import play
    from .report import TextReport
    from .sites import NO_SITE, NO_WEBHOOKS
    from .start import running
    from .transcript import JsonReport

    report = JsonReport(sys.stdout) if arguments.json else TextReport(sys.stdout)
    project = json.loads(os.environ.pop(PROJECT_VARIABLE, "{}"))

    def tell(text: str) -> None:
        interruption.check()
        report.doing(text)

    with running(chosen_options(arguments, project), tell) as sandbox:
        interruption.check()
        if arguments.once:
            interruption.is_sudden = True
            report.loop(play(sandbox.amazon))
            return
        report.ready(sandbox, paste=bool(project) and not sandbox.is_used_by(project))
        if project and not arguments.site:
            report.problem(NO_SITE)
        elif project and not project["paths"]:
            report.problem(NO_WEBHOOKS)
        interruption.wait(lambda: report.sites(sandbox.watch.changes()))


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
        help="send a message, print what becomes of it, receive one, and end",
    )
    return parser


if __name__ == "__main__":
    ctrl_c: Interruption = Interruption()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ctrl_c)
    sys.exit(main(interruption=ctrl_c))
