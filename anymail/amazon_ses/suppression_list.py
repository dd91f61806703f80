"""Amazon's own suppression list: that of the account in a region, or of one of its tenants.

SES sends nothing to an address that is on it. Its *global* list cannot be asked.

Source: Amazon SES Developer Guide, "Using the Amazon SES account-level suppression list"; API v2
Reference, "GetSuppressedDestination", "ListSuppressedDestinations" and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..addresses.keys import bare_address
from ..checks.mailers import amazon_ses_backend
from ..conf import AmazonSESSettings
from ..database.columns import address_key
from ..exceptions import AnymailAPIError, AnymailConfigurationError, AnymailUnsupportedFeature
from . import aws
from .installed_botocore import botocore_version, known_parameters
from .quota import rate_limit_key
from .repeated_calls import Patience, call

#: Seconds for a connection and for an answer: somebody waits for it.
CONFIG: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10}
#: Seconds for which a call is repeated that SES throttles, or does not answer. It allows one call
#: of most operations a second (Developer Guide, "Service quotas").
PATIENCE = 5.0
#: Seconds. A pause is anything up to 0.25, 0.5, 1, 2.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2
#: The most that SES puts on a page.
PAGE_SIZE = 1_000
#: More pages without an address in a row are taken for an answer that never ends.
MAX_EMPTY_PAGES = 100


@dataclass(frozen=True, kw_only=True)
class SuppressedDestination:
    """An address on Amazon's list.

    :param address: as Amazon spells it.
    :param reason: ``"BOUNCE"`` or ``"COMPLAINT"``.
    :param updated_at: when it was put there, aware; None if Amazon does not say.
    :param message_id: of the message that bounced or was complained about; empty for an address
        that somebody put there, and where Amazon does not say: lists have none.
    :param feedback_id: of that bounce or complaint; likewise.
    """

    address: str
    reason: str
    updated_at: datetime | None
    message_id: str = ""
    feedback_id: str = ""


@dataclass(frozen=True, kw_only=True)
class AmazonSuppressionList:
    """The list, over the network.

    Every method raises an ``AnymailAPIError`` if SES refuses or does not answer, and an
    ``AnymailUnsupportedFeature`` if there is a tenant, which botocore is too old for. Calls can be
    repeated safely, so those that were throttled or had no answer are, for a while.

    Amazon lists upper and lower case before the ``@`` as different addresses, although it sends to
    none of them if one is listed. So an address is looked up as it is given, then in lower case.

    :param client: boto3's, for ``sesv2``.
    :param settings: for Amazon SES.
    :param tenant: its name; None for the list of the account.
    :param patience: seconds for which a call is repeated.
    """

    client: Any
    settings: AmazonSESSettings
    tenant: str | None = None
    patience: float = PATIENCE

    @property
    def key(self) -> str:
        """A hash that identifies the account, with the region, and the tenant.

        :raises AnymailAPIError: there are no credentials, which identify the account.
        """
        return f"{rate_limit_key(self.client, self.settings)}/{self.tenant or ''}"

    @property
    def region(self) -> str:
        """The region that the list belongs to."""
        return str(self.client.meta.region_name)

    def get(self, *spellings: str) -> SuppressedDestination | None:
        """What Amazon says about an address; None if it is not on the list.

        :param spellings: the address, and other spellings of it, if more are known.
        """
        for spelling in _spellings(spellings):
            answer = self._unless_missing("get_suppressed_destination", EmailAddress=spelling)
            if answer is not None:
                return parse_destination(answer.get("SuppressedDestination"))
        return None

    def list(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        reasons: Collection[str] = (),
    ) -> Iterator[SuppressedDestination]:
        """The addresses on the list, a page at a time, in Amazon's order, whatever that is.

        :param start: only those that were put there from then on; aware.
        :param end: only those that were put there until then; aware.
        :param reasons: ``"BOUNCE"``, ``"COMPLAINT"``; none for both.
        """
        limits = {"StartDate": start, "EndDate": end, "Reasons": list(reasons)}
        given = {name: value for name, value in limits.items() if value}
        for page in self._pages(given):
            for item in page:
                if (found := parse_destination(item)) is not None:
                    yield found

    def put(self, address: str, reason: str) -> None:
        """Put an address on the list, or change its reason.

        :param address: an addr-spec.
        :param reason: ``"BOUNCE"`` or ``"COMPLAINT"``.
        """
        self._call("put_suppressed_destination", EmailAddress=address, Reason=reason)

    def remove(self, *spellings: str) -> bool:
        """Take an address off the list, in the spelling that is given and in lower case.

        :param spellings: the address, and other spellings of it, if more are known.
        :return: whether it was there.
        """
        found = [
            self._unless_missing("delete_suppressed_destination", EmailAddress=spelling)
            for spelling in _spellings(spellings)
        ]
        return any(answer is not None for answer in found)

    def _pages(self, params: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        token: dict[str, str] = {}
        seen: set[int] = set()
        empty = 0
        while True:
            answer = self._call(
                "list_suppressed_destinations", **params, **token, PageSize=PAGE_SIZE
            )
            page = answer.get("SuppressedDestinationSummaries") or []
            yield page
            if not (following := answer.get("NextToken")):
                return
            empty = 0 if page else empty + 1
            if hash(following) in seen or empty > MAX_EMPTY_PAGES:
                raise AnymailAPIError(
                    "Amazon SES list_suppressed_destinations does not come to an end: it repeats "
                    "its NextToken, or answers without addresses. What came until now is right."
                )
            seen.add(hash(following))
            token = {"NextToken": following}

    def _unless_missing(self, operation: str, **params: Any) -> Mapping[str, Any] | None:
        try:
            return self._call(operation, **params)
        except AnymailAPIError as err:
            if err.error_code == "NotFoundException" and not self._is_tenant_missing(err):
                return None
            raise

    def _is_tenant_missing(self, error: AnymailAPIError) -> bool:
        # Only the text tells: the API v2 Reference and botocore's model have one NotFoundException,
        # without members, for an address that is not listed and for a tenant that does not exist.
        # The text about an address may name a tenant, too.
        text = str(error).lower()
        return self.tenant is not None and "tenant" in text and "address" not in text

    def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        if self.tenant is not None:
            self._check_tenant(operation)
            params["TenantName"] = self.tenant
        patience = Patience(
            seconds=self.patience, first_pause=FIRST_PAUSE, longest_pause=LONGEST_PAUSE
        )
        return call(self.client, operation, params, patience)

    def _check_tenant(self, operation: str) -> None:
        known = known_parameters(self.client, operation)
        if known is not None and "TenantName" not in known:
            raise AnymailUnsupportedFeature(
                "The suppression list of a tenant (TenantName) needs a newer botocore than "
                f"{botocore_version()}: python -m pip install --upgrade boto3 botocore"
            )


def amazon_list(
    mailer: str | None = None, *, tenant: str | None = None, patience: float = PATIENCE
) -> AmazonSuppressionList:
    """Amazon's list for the settings of the project, whichever of SES's APIs sends.

    :param mailer: an entry of ``MAILERS``, for its settings; None for the one that sends by
        default, or the settings in ``ANYMAIL`` if nothing sends with Amazon SES.
    :param tenant: the name of a tenant with a list of its own; None for the account's.
    :param patience: seconds for which a call is repeated.
    :raises AnymailAPIError: boto3 cannot make a client: no region, no such profile.
    :raises AnymailConfigurationError: a setting is wrong, or there is no such mailer.
    """
    settings = _settings(mailer)
    client = aws.client("sesv2", settings, config=CONFIG)
    return AmazonSuppressionList(client=client, settings=settings, tenant=tenant, patience=patience)


def parse_destination(item: Any) -> SuppressedDestination | None:
    """An entry of SES's answers; None without an address.

    :param item: ``SuppressedDestination``, or one of ``SuppressedDestinationSummaries``.
    """
    item = item if isinstance(item, dict) else {}
    if not (address := item.get("EmailAddress")):
        return None
    attributes = item.get("Attributes") or {}
    return SuppressedDestination(
        address=address,
        reason=item.get("Reason") or "",
        updated_at=item.get("LastUpdateTime"),
        message_id=attributes.get("MessageId") or "",
        feedback_id=attributes.get("FeedbackId") or "",
    )


def is_no_address(error: AnymailAPIError) -> bool:
    """Whether SES takes the address of a call for none: that with a slash in it, for example.

    :param error: of a call about one address.
    """
    return error.error_code == "BadRequestException"


def _settings(mailer: str | None) -> AmazonSESSettings:
    try:
        return amazon_ses_backend(mailer).settings
    except AnymailConfigurationError:
        if mailer is not None:
            raise
        return AmazonSESSettings.load()


def _spellings(given: Sequence[str]) -> list[str]:
    """The spellings to look up. None without an ``@``: SES would be asked for the whole list."""
    found = [bare_address(address).strip() for address in given]
    found += [address_key(address) for address in found]
    # An address with a domain that is not ASCII is listed with its ASCII form.
    return list(dict.fromkeys(one for one in found if "@" in one and one.isascii()))
