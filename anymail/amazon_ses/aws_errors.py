"""Errors of boto3 -> AnymailAPIError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..exceptions import AnymailAPIError
from ..exceptions.tracebacks import clear_locals, signal_handler_error
from .error_codes import find_answer
from .error_meanings import describe_client_error, describe_exception
from .masking import mask_addresses

#: Advice about an error: from the operation and the error code.
Advise = Callable[[str, str], str | None]
#: botocore appends it to the text of every call that it may not repeat.
NO_RETRIES = " (reached max retries: 0)"
#: How calls of AWS STS for credentials begin, which fail within a call of another service.
ASSUME_ROLE = "AssumeRole"


@dataclass
class RequestProgress:
    """The progress of a request of a watched client.

    :param is_signing: it is being signed, for which credentials may have to be fetched.
    :param is_posted: it was handed to the network.
    """

    is_signing: bool = False
    is_posted: bool = False


_progress: ContextVar[RequestProgress | None] = ContextVar("anymail_request_progress", default=None)


def watch_requests(client: Any) -> None:
    """Have the requests of a boto3 client report their progress to :func:`api_errors`.

    :param client: handlers of its events are registered.
    """
    client.meta.events.register("before-sign", _note_signing)
    client.meta.events.register("before-send", _note_posted)


@contextmanager
def api_errors(
    doing: str, *, is_signing: bool = False, advise: Advise | None = None
) -> Iterator[None]:
    """Turn what boto3 raises into :exc:`~anymail.exceptions.AnymailAPIError`.

    Once a watched client (see ``watch_requests``) signs or has posted a request, that is every
    exception: fetching credentials and parsing broken responses raise all kinds. Exceptions of
    signal handlers are passed on.

    :param doing: what was tried, for the error.
    :param is_signing: the block does nothing but fetch credentials.
    :param advise: makes an ``AnymailBotoClientAPIError``, which is also a botocore ``ClientError``,
        of what AWS answers, with this advice. It is not asked about calls of AWS STS.
    :raises AnymailAPIError: within the block, boto3 raised something.
    """
    progress = RequestProgress(is_signing=is_signing)
    token = _progress.set(progress)
    try:
        yield
    except Exception as err:
        if interruption := signal_handler_error(err):
            raise interruption from interruption.__cause__
        clear_locals(err)
        if (error := _api_error(err, doing, progress, advise)) is None:
            raise
        raise error from err
    finally:
        _progress.reset(token)


def no_advice(operation: str, code: str) -> None:
    """No advice, for ``api_errors(advise=…)``."""


def _note_signing(**_kwargs: Any) -> None:
    if progress := _progress.get():
        progress.is_signing = True


def _note_posted(**_kwargs: Any) -> None:
    if progress := _progress.get():
        progress.is_posted = True


def _api_error(
    error: Exception, doing: str, progress: RequestProgress, advise: Advise | None
) -> AnymailAPIError | None:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    kind, text = type(error).__name__, mask_addresses(str(error).replace(NO_RETRIES, ""))
    if isinstance(error, ClientError):
        made = _client_error(error, f"{doing}: {text}", advise)
    elif isinstance(error, (BotoCoreError, ResponseParserError)):
        lines = _with_hint(f"{doing}: {text}", kind)
        made = AnymailAPIError(*lines, **describe_exception(kind, progress.is_posted))
    elif isinstance(error, AnymailAPIError) or not (progress.is_signing or progress.is_posted):
        return None
    else:
        made = AnymailAPIError(
            f"{doing}: {kind}: {text}", **describe_exception(kind, progress.is_posted)
        )
    if progress.is_signing and not progress.is_posted:
        made.is_unsent = True  # it may be a call to AWS STS that failed, for credentials
    return made


def _client_error(error: Any, text: str, advise: Advise | None) -> AnymailAPIError:
    meaning = describe_client_error(error.response)
    if advise is None:
        lines = _with_hint(text, meaning["error_code"], text)
        return AnymailAPIError(*lines, response=error.response, **meaning)
    from .boto_errors import AnymailBotoClientAPIError

    if error.operation_name.startswith(ASSUME_ROLE):
        lines = _with_hint(text, meaning["error_code"], text)
    else:
        advice = advise(error.operation_name, meaning["error_code"])
        lines = [text, advice] if advice else [text]
    return AnymailBotoClientAPIError(*lines, client_error=error)


def _with_hint(text: str, code: str, aws_text: str = "") -> list[str]:
    answer = find_answer(code, aws_text)
    return [text, answer.hint] if answer and answer.hint else [text]
