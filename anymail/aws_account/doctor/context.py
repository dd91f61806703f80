"""What a check may ask: settings, AWS and DNS. Whatever was asked once is not asked again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from ...amazon_ses import aws
from ...amazon_ses.aws_errors import api_errors
from ...amazon_ses.error_codes import NEVER_CONNECTED, THROTTLING_CODES
from ...amazon_ses.installed_botocore import method_of
from ...conf import AmazonSESSettings
from ...exceptions import AnymailAPIError
from ..actions import REFUSALS, actions_of
from ..dns.lookups import DnsLookups, DnsUnanswered
from ..dns.records import RecordType
from .findings import Finding, advice, not_checked

#: Error codes after which no other call needs to be tried: boto3 found no credentials.
HOPELESS = frozenset({"NoCredentialsError", "PartialCredentialsError", "NoRegionError"})
#: botocore exceptions after which no other call of the same service needs to be tried.
UNREACHABLE: frozenset[str] = NEVER_CONNECTED | {"ReadTimeoutError", "SSLError"}
#: Seconds for connections and answers: botocore's 60 and its retries are a long time to wait.
CONFIG: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2},
}
#: How often a call is made that SES throttles, which allows one a second of most operations, and
#: the seconds between (Amazon SES Developer Guide, "Service quotas").
ATTEMPTS = 4
PAUSE = 1.0
CONNECT = "Let this machine connect to AWS, port 443 (firewall, HTTPS_PROXY)."

#: What comes of all other checks then.
SEE_D01: Finding = not_checked("not checked: AWS cannot be asked, see D01")


class Unanswered(Exception):
    """AWS or the DNS did not say what a check asked.

    :param finding: for the check that asked, unless it goes on without.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding: Finding = finding


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command was told.

    :param from_emails: more From addresses to check.
    :param url: the site's, or one of its webhooks'; None if it was not given.
    :param principal: the ARN of the role or user that the application has; None for the one that
        asks.
    :param unsubscribe_url: of a message that may be unsubscribed by a POST; None for none.
    """

    from_emails: Sequence[str] = ()
    url: str | None = None
    principal: str | None = None
    unsubscribe_url: str | None = None


@dataclass(kw_only=True)
class Context:
    """A run of the doctor.

    :param settings: those of the backend that sends.
    :param api_version: of SES, that this backend uses: 1 or 2.
    :param has_backend: whether the project has one at all.
    :param dns: what the DNS says.
    :param now: aware.
    """

    settings: AmazonSESSettings
    api_version: int = 1
    has_backend: bool = True
    options: Options = field(default_factory=Options)
    dns: DnsLookups = field(default_factory=DnsLookups)
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    _answers: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)
    _unreachable: dict[tuple[str, str | None], Unanswered] = field(default_factory=dict, repr=False)
    _is_hopeless: bool = False

    def ask(self, service: str, operation: str, *, region: str | None = None, **params: Any) -> Any:
        """The answer of AWS to a call.

        :param service: boto3's name, for example ``"sesv2"``.
        :param operation: the API's name, for example ``"GetAccount"``.
        :param region: None for that of the settings.
        :param params: of the call.
        :raises Unanswered: there is no permission, or AWS cannot be reached.
        :raises AnymailAPIError: AWS refused for another reason, which ``error_code`` names.
        """
        if self._is_hopeless:
            raise Unanswered(SEE_D01)
        key = (service, operation, region or "", json.dumps(params, sort_keys=True, default=str))
        if key not in self._answers:
            self._answers[key] = self._call(service, operation, region, params)
        answer = self._answers[key]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(
        self,
        service: str,
        operation: str,
        *,
        missing: Sequence[str],
        region: str | None = None,
        **params: Any,
    ) -> Any:
        """The same; None if AWS says that there is no such thing.

        :param missing: the error codes that say so.
        """
        try:
            return self.ask(service, operation, region=region, **params)
        except AnymailAPIError as err:
            if err.error_code in missing:
                return None
            raise

    def look_up(self, name: str, type: RecordType) -> tuple[str, ...]:
        """The values of DNS records, as :meth:`.dns.lookups.DnsLookups.look_up` has them.

        :raises Unanswered: the DNS does not answer.
        :raises AnymailImproperlyInstalled: dnspython is not installed.
        """
        try:
            return self.dns.look_up(name, type)
        except DnsUnanswered as err:
            other = advice("Ask another server: manage.py anymail_doctor --nameserver 9.9.9.9")
            raise Unanswered(not_checked(f"not checked: {err}", other)) from err

    @property
    def region(self) -> str:
        """The region of SES.

        :raises Unanswered: none is configured.
        """
        return str(self.ses.meta.region_name)

    @property
    def ses(self) -> Any:
        """A boto3 client of SES, for what it knows without asking.

        :raises Unanswered: no region is configured.
        """
        if self._is_hopeless:
            raise Unanswered(SEE_D01)
        try:
            return aws.client("sesv2", self.settings, config=CONFIG)
        except AnymailAPIError as err:
            self._is_hopeless = err.error_code in HOPELESS
            raise _unanswered("sesv2", "GetAccount", err) from err

    @property
    def account(self) -> str:
        """The id of the AWS account: twelve digits.

        :raises Unanswered: AWS STS does not tell.
        """
        return str(self.ask("sts", "GetCallerIdentity")["Account"])

    @property
    def partition(self) -> str:
        """The second part of ARNs: ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``.

        :raises Unanswered: AWS STS does not tell.
        """
        return str(self.ask("sts", "GetCallerIdentity")["Arn"]).split(":")[1]

    def _call(
        self, service: str, operation: str, region: str | None, params: dict[str, Any]
    ) -> Any:
        if (unreachable := self._unreachable.get((service, region))) is not None:
            return unreachable
        try:
            return _retrying()(self._ask_aws, service, operation, region, params)
        except AnymailAPIError as err:
            self._is_hopeless = err.error_code in HOPELESS
            if err.response and err.error_code not in REFUSALS:
                return err
            unanswered = _unanswered(service, operation, err)
            if err.error_code in UNREACHABLE:
                self._unreachable[service, region] = unanswered
            return unanswered

    def _ask_aws(
        self, service: str, operation: str, region: str | None, params: dict[str, Any]
    ) -> Any:
        overrides: dict[str, Any] = {} if region is None else {"region_name": region}
        with api_errors(f"{service}:{operation} failed"):
            client = aws.client(service, self.settings, config=CONFIG, **overrides)
            return method_of(client, operation)(**params)


def _retrying() -> Retrying:
    return Retrying(
        retry=retry_if_exception(_is_throttled),
        wait=wait_fixed(PAUSE),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )


def _is_throttled(error: BaseException) -> bool:
    return isinstance(error, AnymailAPIError) and error.error_code in THROTTLING_CODES


def _unanswered(service: str, operation: str, err: AnymailAPIError) -> Unanswered:
    action = " and ".join(actions_of(service, operation))
    if err.error_code in REFUSALS:
        policy = "manage.py anymail_setup --format iam --for doctor"
        fix = advice(f"Allow {action}: {policy} prints a policy.")
        return Unanswered(not_checked(f"not checked, needs {action}", fix))
    hints = [*err.args[1:], *([CONNECT] if err.error_code in UNREACHABLE else [])]
    return Unanswered(not_checked(f"not checked: {err.args[0]!s}", *map(advice, hints)))
