"""What Amazon SES says about an address before anything is sent to it (GetEmailAddressInsights)."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from queue import Empty, LifoQueue
from typing import Any

from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from ..exceptions.tracebacks import signal_handler_error
from . import aws
from .aws_errors import api_errors
from .process_local import ProcessLocal
from .timeouts import TimeoutExecutor

logger: logging.Logger = logging.getLogger(__name__)

OPERATION = "get_email_address_insights"
#: The first botocore that has the operation.
BOTOCORE = "1.42.13"
#: Seconds for everything: a client, credentials, the call.
TIME_LIMIT = 1.0
#: botocore's limits, for each connection and each read.
CONFIG = {"connect_timeout": TIME_LIMIT, "read_timeout": TIME_LIMIT}
#: Seconds for which SES is not asked again after it did not answer, or denied access.
PAUSE = 10
#: Calls at once; further addresses are not asked about.
AT_ONCE = 8
#: Our name of a check -> its name in SES's answer.
#: Source: Amazon SES API v2 Reference, "EmailAddressInsightsMailboxEvaluations".
CHECKS = {
    "syntax": "HasValidSyntax",
    "domain": "HasValidDnsRecords",
    "mailbox": "MailboxExists",
    "disposable": "IsDisposable",
    "role": "IsRoleAddress",
    "random": "IsRandomInput",
}
Verdicts = dict[str, str]


def address_verdicts(address: str, settings: AmazonSESSettings) -> Verdicts | None:
    """Ask SES about an address, for a second at most.

    :param address: an addr-spec in ASCII.
    :param settings: for Amazon SES.
    :return: check (a key of :data:`CHECKS`, or ``"overall"``) to SES's verdict: ``"LOW"``,
        ``"MEDIUM"`` or ``"HIGH"``. None if SES does not say; the reason is logged once.
    """
    return _insights.get().ask(address, settings)


def parse_verdicts(response: Mapping[str, Any]) -> Verdicts:
    """The verdicts in an answer of SES; those that it does not have are left out.

    :param response: the dict that boto3 returned.
    """
    validation = response.get("MailboxValidation") or {}
    evaluations = validation.get("Evaluations") or {}
    found = {name: evaluations.get(theirs) for name, theirs in CHECKS.items()}
    found["overall"] = validation.get("IsValid")
    return {
        name: evaluation["ConfidenceVerdict"]
        for name, evaluation in found.items()
        if evaluation and "ConfidenceVerdict" in evaluation
    }


class AddressInsights:
    """Asks SES, in threads of its own: a slow answer holds up nothing else in the process."""

    def __init__(self) -> None:
        self._free: LifoQueue[TimeoutExecutor] = LifoQueue()
        for _ in range(AT_ONCE):
            self._free.put(TimeoutExecutor(TIME_LIMIT))
        self._paused_until = -math.inf
        self._logged: set[str] = set()

    def ask(self, address: str, settings: AmazonSESSettings) -> Verdicts | None:
        """Like :func:`address_verdicts`.

        :param address: an addr-spec in ASCII.
        :param settings: for Amazon SES.
        """
        if time.monotonic() < self._paused_until:
            return None
        try:
            executor = self._free.get_nowait()
        except Empty:
            self._note(f"{AT_ONCE} addresses are being checked already")
            return None
        has_client = threading.Event()
        try:
            verdicts = executor.run(lambda: _fetch_verdicts(address, settings, has_client))
            self._logged.clear()
            return verdicts
        except Exception as err:  # a client factory may raise anything
            if interruption := signal_handler_error(err):
                raise interruption from interruption.__cause__
            self._note(*_reason(err, has_client.is_set()))
            return None
        finally:
            self._free.put(executor)

    def _note(self, reason: str, pause: float = 0) -> None:
        if pause:
            self._paused_until = time.monotonic() + pause
        if reason not in self._logged:
            self._logged.add(reason)
            logger.warning(
                "Amazon SES does not say whether addresses are deliverable, so they are accepted: "
                "%s",
                reason,
                extra={"anymail_error_code": reason},
            )


def _reason(error: Exception, has_client: bool) -> tuple[str, float]:
    """Why there are no verdicts, and for how many seconds not to ask."""
    if isinstance(error, NotImplementedError):
        return str(error), 0
    if isinstance(error, TimeoutError):
        # It is not SES that is slow while boto3 is imported, once in a process.
        return f"no answer within {TIME_LIMIT:g} second", PAUSE if has_client else 0
    if not isinstance(error, AnymailAPIError):
        return type(error).__name__, PAUSE
    passes = error.is_throttled or error.error_code == "BadRequestException"
    return error.error_code or "", 0 if passes else PAUSE


def _fetch_verdicts(
    address: str, settings: AmazonSESSettings, has_client: threading.Event
) -> Verdicts:
    client = aws.client("sesv2", settings, config=CONFIG)
    has_client.set()
    if not hasattr(client, OPERATION):
        raise NotImplementedError(f"botocore {BOTOCORE} or later is needed")
    with api_errors(f"Amazon SES {OPERATION}"):
        return parse_verdicts(getattr(client, OPERATION)(EmailAddress=address))


_insights = ProcessLocal(AddressInsights)
