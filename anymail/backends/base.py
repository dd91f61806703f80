"""The send loop: signals, statuses, errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any, ClassVar

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from ..attributes import has_recipients
from ..calls import ApiCall
from ..conf import SendDefaults, SendSettings, current_settings, get_anymail_setting
from ..exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailError,
    AnymailRecipientsRefused,
    warn_of_removed_hooks,
)
from ..exceptions.tracebacks import clear_locals, signal_handler_error
from ..message import AnymailRecipientStatus, AnymailStatus
from ..outgoing import OutgoingMessage
from ..signals import post_send, pre_send, recipients_resolved, sent_directly
from .batch import CallPool, CallResult, MessageInFlight, MessageQueue, Started
from .compat import REMOVED_HOOKS, accept_payload, call_recipient_status_hook
from .statuses import (
    add_counts,
    common_failure,
    count_accepted,
    failed_statuses,
    may_have_arrived,
    record_copies_without_original,
    record_unknown,
    refusals,
    refused_addresses,
    restore_order,
    without_addresses,
)


class AnymailBaseBackend(BaseEmailBackend):
    """An e-mail backend with signals and per-recipient statuses.

    A subclass supplies :meth:`build_calls`, :meth:`run` and :meth:`parse_response`.

    :param fail_silently: do not raise :exc:`~anymail.exceptions.AnymailError`; see the statuses.
    :param send_defaults: attribute name to value; win over ``SEND_DEFAULTS``.
    :param kwargs: settings by their lower-case names; what is left over goes to Django's class.
    :raises AnymailConfigurationError: a setting has the wrong type.
    """

    #: The service's name for receivers and errors.
    esp_name: ClassVar[str]
    #: Calls at once within one ``send_messages()``.
    max_concurrency = 1
    #: Whether it only pretends to send, in tests for example.
    pretends: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_removed_hooks(cls, REMOVED_HOOKS)

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        send_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        current = current_settings()
        self.send_settings: SendSettings = current.with_overrides(SendSettings, kwargs)
        # Not passed on: from Django 6.1 the base class deprecates it.
        super().__init__(**kwargs)
        self.fail_silently = fail_silently
        if send_defaults is None:  # ANYMAIL["TEST_SEND_DEFAULTS"] of esp_name = "Test"
            esp_name = getattr(self, "esp_name", None)
            send_defaults = get_anymail_setting("send_defaults", None, esp_name)
        self.send_defaults: dict[str, Any] = {
            **current.get(SendDefaults).send_defaults,
            **(send_defaults or {}),
        }

    @property
    def ignore_unsupported_features(self) -> bool:
        """The setting ``IGNORE_UNSUPPORTED_FEATURES``."""
        return self.send_settings.ignore_unsupported_features

    @property
    def ignore_recipient_status(self) -> bool:
        """The setting ``IGNORE_RECIPIENT_STATUS``."""
        return self.send_settings.ignore_recipient_status

    @property
    def debug_api_requests(self) -> bool:
        """The setting ``DEBUG_API_REQUESTS``."""
        return self.send_settings.debug_api_requests

    def defaults_for(self, message: EmailMessage) -> Mapping[str, Any]:
        """The attributes that a message has unless it has its own.

        :param message: a Django message.
        :return: attribute name to value; by default ``SEND_DEFAULTS``.
        """
        return self.send_defaults

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """Turn a message into calls. Runs in the caller's thread, without any I/O.

        :param message: with at least one recipient.
        :return: the calls, in order.
        :raises AnymailError: it cannot be sent.
        """
        raise NotImplementedError

    def sends_apart(self, message: OutgoingMessage) -> bool:
        """Whether each recipient in ``to`` gets a message of its own, and does not see the others.

        :param message: may have no recipients yet.
        :return: by default False.
        """
        return False

    def check(self, message: EmailMessage) -> OutgoingMessage:
        """Whether a message could be sent, without sending it: no signals, no MIME, no I/O.

        :param message: a Django message; it is not changed.
        :return: what was read; without recipients nothing else is checked.
        :raises AnymailError: it cannot be sent.
        :raises ValueError: a line break in an address or header.
        """
        with self._named_in_errors(message):
            outgoing = OutgoingMessage.from_django(message, self.defaults_for(message))
            if outgoing.recipients:
                self.check_calls(outgoing)
        return outgoing

    def check_calls(self, message: OutgoingMessage) -> None:
        """Refuse what :meth:`build_calls` would refuse, without building it; by default nothing.

        :param message: with at least one recipient.
        :raises AnymailError: it cannot be sent.
        """

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Send a call, and return the response. May run in a worker thread.

        :raises AnymailAPIError: it failed; ``is_unsent`` is False if recipients may have got it all
            the same.
        """
        raise NotImplementedError

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """The status of each recipient. Runs in the caller's thread, without any I/O.

        :param call: one of those that :meth:`build_calls` made.
        :param response: what :meth:`run` returned for it.
        :return: a status for each of the call's recipients, by addr-spec; by default what the
            call's own ``parse`` returns.
        :raises AnymailAPIError: the response makes no sense.
        """
        return call.parse(call, response)

    def send_messages(self, email_messages: Iterable[EmailMessage] | None) -> int:
        """Send messages, with up to :attr:`max_concurrency` calls at once.

        :param email_messages: any iterable of Django messages; it is consumed as they go.
        :return: how many were sent.
        :raises AnymailError: the first failure in their order, unless ``fail_silently``. After it
            nothing new is started, and messages in flight are finished.
        """
        messages = iter(email_messages or ())
        for first in messages:
            with self._named_in_errors(first):
                opened = self.open()
            try:
                with CallPool(self.run, self.max_concurrency) as pool:
                    return MessageQueue(self, pool).send(chain([first], messages))
            finally:
                if opened:
                    self.close()
        return 0

    def start(
        self,
        message: Any,
        *,
        message_tags: Mapping[str, str] | None = None,
        exclude: Collection[str] = (),
    ) -> Started:
        """Send a message's signals and build its calls: the first half of sending it.

        :param message: a Django message; gets a new ``anymail_status``.
        :param message_tags: SES message tags to add, name to value; those of the user win.
        :param exclude: recipients that have it already, spelled as in the message and without
            display names: they get no status.
        :return: no calls if it is not to be sent.
        :raises AnymailError: it cannot be sent.
        """
        status = message.anymail_status = AnymailStatus()
        if not self.run_pre_send(message):
            # Cancelled: statuses that another receiver has set do not count any more.
            message.anymail_status = AnymailStatus()
            return Started()
        if not has_recipients(message):
            return Started()
        outgoing = OutgoingMessage.from_django(message, self.defaults_for(message))
        recipients_resolved.send(
            type(self), message=message, recipients=outgoing.recipients, esp_name=self.esp_name
        )
        left_out = refused_addresses(status).union(exclude)
        rest = without_addresses(outgoing, left_out) if left_out else outgoing
        if message_tags:
            rest = replace(rest, message_tags=message_tags)
        calls = self.build_calls(rest) if rest.recipients else ()
        if not calls and not rest.to and not exclude:
            record_copies_without_original(status, rest)
        return Started(outgoing=outgoing, calls=calls)

    def finish(self, in_flight: MessageInFlight) -> bool:
        """Record the statuses of a message whose calls have ended, and send its signal.

        :return: whether it was sent.
        :raises AnymailError: its error, unless ``fail_silently``.
        """
        try:
            with self._named_in_errors(in_flight.message), self._all_have_a_status(in_flight):
                return self._finish(in_flight)
        except AnymailError as err:
            if in_flight.may_have_arrived and isinstance(err, AnymailAPIError):
                err.is_unsent = False
            if self.fail_silently:
                return False
            raise

    @contextmanager
    def _named_in_errors(self, message: Any) -> Iterator[None]:
        """Add the message, backend and service to errors, and clear their variables."""
        try:
            yield
        except AnymailError as err:
            clear_locals(err)
            err.email_message = err.email_message or message
            err.backend = err.backend or self
            err.esp_name = err.esp_name or self.esp_name
            raise

    @contextmanager
    def _all_have_a_status(self, in_flight: MessageInFlight) -> Iterator[None]:
        """On any error, set the recipients that may have got it to ``unknown``."""
        try:
            yield
        except BaseException as err:
            record_unknown(
                in_flight.message.anymail_status, in_flight.calls, in_flight.results, err
            )
            raise

    def _finish(self, in_flight: MessageInFlight) -> bool:
        message = in_flight.message
        status: AnymailStatus = message.anymail_status
        if in_flight.error and not in_flight.results:
            raise in_flight.error
        failure = self._record(in_flight, status)
        error = in_flight.error or failure
        if error and not count_accepted(status):
            raise error
        if in_flight.calls or status.recipients:
            self._tell_log(in_flight.outgoing, status)
            self.run_post_send(message)
        if error:
            raise error
        call_recipient_status_hook(self.raise_for_recipient_status, status, message)
        return bool(in_flight.results)

    def _record(self, in_flight: MessageInFlight, status: AnymailStatus) -> Exception | None:
        """Record every recipient's status.

        :return: the first error of a call, or the one that all recipients have in common.
        """
        answers = [
            self._parse(call, result, status)
            for call, result in zip(in_flight.calls, in_flight.results, strict=False)
        ]
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        if failures and len(in_flight.calls) == 1:
            return failures[0]
        for call, answer in zip_longest(in_flight.calls, answers):
            known = answer if isinstance(answer, dict) else failed_statuses(call, answer, failures)
            status.set_recipient_status(known)
            in_flight.may_have_arrived |= may_have_arrived(known)
        restore_order(status, in_flight.calls)
        if failures:
            add_counts(status, failures[0])
            return failures[0]
        return common_failure(status)

    def _parse(
        self, call: ApiCall, result: CallResult, status: AnymailStatus
    ) -> dict[str, AnymailRecipientStatus] | Exception:
        try:
            status.esp_response = result.result()
            return self.parse_response(call, status.esp_response)
        except Exception as err:  # a client_factory may make anything
            return err

    def _tell_log(self, outgoing: OutgoingMessage | None, status: AnymailStatus) -> None:
        if outgoing is None or self.pretends:
            return
        for _, result in sent_directly.send_robust(
            type(self), backend=self, outgoing=outgoing, status=status
        ):
            if isinstance(result, Exception) and (found := signal_handler_error(result)):
                raise found from found.__cause__

    def run_pre_send(self, message: EmailMessage) -> bool:
        """Send the ``pre_send`` signal.

        :param message: receivers may change it.
        :return: False if a receiver cancelled the message.
        """
        try:
            pre_send.send(type(self), message=message, esp_name=self.esp_name)
        except AnymailCancelSend:
            return False
        return True

    def run_post_send(self, message: Any) -> None:
        """Send the ``post_send`` signal.

        :param message: with its ``anymail_status``.
        :raises Exception: the first that a receiver raised, after all receivers ran.
        """
        for _, result in post_send.send_robust(
            type(self), message=message, status=message.anymail_status, esp_name=self.esp_name
        ):
            if isinstance(result, Exception):
                raise result

    @accept_payload
    def raise_for_recipient_status(self, anymail_status: AnymailStatus, message: Any) -> None:
        """Raise an error if every recipient is refused.

        ``IGNORE_RECIPIENT_STATUS`` turns that off.

        :param anymail_status: the statuses of all recipients.
        :param message: for the error.
        :raises AnymailRecipientsRefused: every recipient is invalid or rejected.
        """
        refused = anymail_status.status and anymail_status.status <= {"invalid", "rejected"}
        if refused and not self.ignore_recipient_status:
            raise AnymailRecipientsRefused(
                f"All message recipients were rejected or invalid: {refusals(anymail_status)}.",
                email_message=message,
                backend=self,
                response=anymail_status.esp_response,
            )
