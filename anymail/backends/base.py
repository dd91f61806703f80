"""The send loop: signals, statuses, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, signature
from itertools import chain, zip_longest
from typing import Any, ClassVar, TypeVar

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
from ..message import AnymailRecipientStatus, AnymailStatus
from ..outgoing import OutgoingMessage
from ..signals import addressed, post_send, pre_send
from ..tracebacks import forget_locals
from .batch import Batch, Outcome, Sending, Window
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
    without_addresses,
)

#: Hooks of django-anymail's backends that have another name here.
REMOVED_HOOKS = ("_send", "build_message_payload", "post_to_esp", "parse_recipient_status")

Hook = TypeVar("Hook", bound=Callable[..., None])


def _with_payload_or_without(hook: Hook) -> Hook:
    """Let a hook be called with ``(status, response, payload, message)``, too: that is how a
    subclass that was written for django-anymail calls ``super()``."""

    @wraps(hook)
    def called(self: Any, anymail_status: AnymailStatus, *others: Any, **named: Any) -> None:
        if len(others) + len(named) == 3:
            message = named["message"] if "message" in named else others[-1]
            return hook(self, anymail_status, message)
        return hook(self, anymail_status, *others, **named)

    return called  # type: ignore[return-value]


class AnymailBaseBackend(BaseEmailBackend):
    """An e-mail backend with signals and per-recipient statuses.

    A subclass supplies :meth:`build_calls`, :meth:`run` and :meth:`parse_response`.

    :param fail_silently: :exc:`~anymail.exceptions.AnymailError` is not raised. Statuses tell.
    :param send_defaults: attribute name to value; win over ``SEND_DEFAULTS``.
    :param kwargs: settings by their lower-case names; what is left over goes to Django's class.
    :raises AnymailConfigurationError: a setting has the wrong type.
    """

    #: How receivers, statuses and errors call the service.
    esp_name: ClassVar[str]
    #: Calls at once within one ``send_messages()``.
    max_concurrency = 1

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
        self.sending: SendSettings = current.with_overrides(SendSettings, kwargs)
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
        return self.sending.ignore_unsupported_features

    @property
    def ignore_recipient_status(self) -> bool:
        """The setting ``IGNORE_RECIPIENT_STATUS``."""
        return self.sending.ignore_recipient_status

    @property
    def debug_api_requests(self) -> bool:
        """The setting ``DEBUG_API_REQUESTS``."""
        return self.sending.debug_api_requests

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """What to send for a message. Runs in the caller's thread, without any I/O.

        :param message: with at least one recipient.
        :return: the calls, in order.
        :raises AnymailError: it cannot be sent.
        """
        raise NotImplementedError

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Send it, and return the response. May run in a worker thread.

        :raises AnymailAPIError: that failed; whether recipients may have got it all the same is
            told by its ``is_unsent``.
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
            nothing new is started, and what is on its way is finished.
        """
        messages = iter(email_messages or ())
        for first in messages:
            with self._named_in_errors(first):
                opened = self.open()
            try:
                with Window(self.run, self.max_concurrency) as window:
                    return Batch(self, window).send(chain([first], messages))
            finally:
                if opened:
                    self.close()
        return 0

    def start(self, message: Any) -> Sequence[ApiCall]:
        """Signals and calls of a message: the first half of sending it.

        :param message: a Django message; gets a new ``anymail_status``.
        :return: no calls if it is not to be sent.
        :raises AnymailError: it cannot be sent.
        """
        status = message.anymail_status = AnymailStatus()
        if not self.run_pre_send(message):
            # Cancelled: what another receiver said about recipients does not matter any more.
            message.anymail_status = AnymailStatus()
            return ()
        if not has_recipients(message):
            return ()
        outgoing = OutgoingMessage.from_django(message, self.send_defaults)
        addressed.send(
            type(self), message=message, recipients=outgoing.recipients, esp_name=self.esp_name
        )
        refused = refused_addresses(status)
        if not refused:
            return self.build_calls(outgoing)
        outgoing = without_addresses(outgoing, refused)
        calls = self.build_calls(outgoing) if outgoing.recipients else ()
        if not calls:
            record_copies_without_original(status, outgoing)
        return calls

    def finish(self, sending: Sending) -> bool:
        """Statuses and signals of a message whose calls have ended: the second half.

        :return: whether it was sent.
        :raises AnymailError: its error, unless ``fail_silently``.
        """
        try:
            with self._named_in_errors(sending.message), self._all_have_a_status(sending):
                return self._finish(sending)
        except AnymailError as err:
            if sending.may_have_arrived and isinstance(err, AnymailAPIError):
                err.is_unsent = False
            if self.fail_silently:
                return False
            raise

    @contextmanager
    def _named_in_errors(self, message: Any) -> Iterator[None]:
        """Have errors tell which message, backend and service they are about, and no more."""
        try:
            yield
        except AnymailError as err:
            forget_locals(err)
            err.email_message = err.email_message or message
            err.backend = err.backend or self
            err.esp_name = err.esp_name or self.esp_name
            raise

    @contextmanager
    def _all_have_a_status(self, sending: Sending) -> Iterator[None]:
        """On any error, those who may have got it all the same become ``unknown``."""
        try:
            yield
        except BaseException as err:
            record_unknown(sending.message.anymail_status, sending.calls, sending.outcomes, err)
            raise

    def _finish(self, sending: Sending) -> bool:
        message = sending.message
        status: AnymailStatus = message.anymail_status
        if sending.error and not sending.outcomes:
            raise sending.error
        failure = self._record(sending, status)
        error = sending.error or failure
        if error and not count_accepted(status):
            raise error
        if sending.calls or status.recipients:
            self.run_post_send(message)
        if error:
            raise error
        self._raise_for_recipient_status(status, message)
        return bool(sending.outcomes)

    def _record(self, sending: Sending, status: AnymailStatus) -> Exception | None:
        """Write down what became of everyone; return the first failure of a call, or the one that
        all recipients have in common."""
        results = [
            self._result(call, outcome, status)
            for call, outcome in zip(sending.calls, sending.outcomes, strict=False)
        ]
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and len(sending.calls) == 1:
            return failures[0]
        for call, result in zip_longest(sending.calls, results):
            told = result if isinstance(result, dict) else failed_statuses(call, result, failures)
            status.set_recipient_status(told)
            sending.may_have_arrived |= may_have_arrived(told)
        if failures:
            add_counts(status, failures[0])
            return failures[0]
        return common_failure(status)

    def _result(
        self, call: ApiCall, outcome: Outcome, status: AnymailStatus
    ) -> dict[str, AnymailRecipientStatus] | Exception:
        try:
            status.esp_response = outcome.result()
            return self.parse_response(call, status.esp_response)
        except Exception as err:  # a client_factory may make anything
            return err

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

    def _raise_for_recipient_status(self, status: AnymailStatus, message: Any) -> None:
        hook: Callable[..., None] = self.raise_for_recipient_status
        own = AnymailBaseBackend.raise_for_recipient_status
        if getattr(hook, "__func__", None) is not own and _takes_payload(hook):
            hook(status, status.esp_response, None, message)
        else:
            hook(status, message)

    @_with_payload_or_without
    def raise_for_recipient_status(self, anymail_status: AnymailStatus, message: Any) -> None:
        """Refuse to call it sent when nobody will get it.

        ``IGNORE_RECIPIENT_STATUS`` turns that off.

        :param anymail_status: what became of everyone.
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


def _takes_payload(hook: Callable[..., None]) -> bool:
    """Whether it is written for django-anymail: ``(status, response, payload, message)``."""
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = signature(hook).parameters.values()
    except (TypeError, ValueError):
        return False
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 2
