"""One form for everything that goes wrong in boto3."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..exceptions import AnymailAPIError
from .errors import describe_exception, describe_response, mask_addresses

HINTS = {
    "NoRegionError": (
        'Set ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name": "us-east-1"} (your region), '
        "or the environment variable AWS_DEFAULT_REGION."
    ),
    "NoCredentialsError": (
        "Set the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give the "
        "machine an IAM role, or see boto3's guide to credentials for its other sources; "
        'ANYMAIL["AMAZON_SES_SESSION_PARAMS"] is passed to boto3.session.Session.'
    ),
    "PartialCredentialsError": (
        "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither."
    ),
    "ProfileNotFound": (
        'Check "profile_name" in ANYMAIL["AMAZON_SES_SESSION_PARAMS"], and AWS_PROFILE.'
    ),
}
#: botocore appends it to the text of every call that it may not repeat.
NO_RETRIES = " (reached max retries: 0)"


@dataclass
class Progress:
    """How far a request of a watched client has come.

    :param is_signing: it is being signed, for which credentials may have to be fetched.
    :param is_posted: it was handed to the network.
    """

    is_signing: bool = False
    is_posted: bool = False


_progress: ContextVar[Progress | None] = ContextVar("anymail_request_progress", default=None)


def watch(client: Any) -> None:
    """Have the requests of a boto3 client tell :func:`api_errors` how far they have come.

    :param client: handlers of its events are registered.
    """
    client.meta.events.register("before-sign", _note_signing)
    client.meta.events.register("before-send", _note_posted)


@contextmanager
def api_errors(doing: str, *, is_signing: bool = False) -> Iterator[None]:
    """Turn what boto3 raises into :exc:`~anymail.exceptions.AnymailAPIError`.

    Where a watched client (:func:`watch`) was signing or had posted a request, that is whatever
    comes out: fetching credentials and reading nonsensical answers raise all kinds of exceptions.
    Those of signal handlers pass.

    :param doing: what was tried, for the text.
    :param is_signing: the block does nothing but fetch credentials.
    :raises AnymailAPIError: within the block, boto3 raised something.
    """
    progress = Progress(is_signing=is_signing)
    token = _progress.set(progress)
    try:
        yield
    except Exception as err:
        if interruption := signal_in(err):
            raise interruption from interruption.__cause__
        if (error := _api_error(err, doing, progress)) is None:
            raise
        raise error from forget_locals(err)
    finally:
        _progress.reset(token)


def signal_in(error: BaseException) -> BaseException | None:
    """The exception that a signal handler raised, if that is what an error comes from.

    Python runs handlers between any two instructions of the main thread, so their exceptions
    (Celery's ``SoftTimeLimitExceeded``) come out of whatever is being done; botocore wraps them
    like errors of the network.
    """
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    for link in _chain(error):
        if any(frame.f_code in codes for frame, _ in traceback.walk_tb(link.__traceback__)):
            return link
    return None


def forget_locals(error: BaseException) -> BaseException:
    """The same error, and its causes, without the variables of the functions that it left.

    Those of botocore hold keys, recipients and messages, and error reports show variables. Where
    in the code it was stays known.
    """
    for link in _chain(error):
        traceback.clear_frames(link.__traceback__)
    return error


def boto_client_api_error() -> type[AnymailAPIError]:
    """Make the class ``AnymailBotoClientAPIError``, whose base needs botocore."""
    from botocore.exceptions import ClientError

    class AnymailBotoClientAPIError(AnymailAPIError, ClientError):
        """An error of S3, KMS or SNS in a webhook: also a botocore ``ClientError``.

        :param client_error: the ``ClientError``; its response and operation are taken over.
        """

        def __init__(self, *args: object, client_error: ClientError) -> None:
            meaning = _meaning(client_error.response)
            super().__init__(*args, response=client_error.response, **meaning)
            self.client_error = client_error
            self.operation_name = client_error.operation_name

        def __reduce__(self) -> Any:
            return _unpickled_client_api_error, (self.args, self.client_error), self.picklable()

    return AnymailBotoClientAPIError


def _unpickled_client_api_error(args: tuple[object, ...], client_error: Any) -> Exception:
    from . import aws

    kind: Any = aws.__getattr__("AnymailBotoClientAPIError")
    error: Exception = kind(*args, client_error=client_error)
    return error


def _note_signing(**_kwargs: Any) -> None:
    if progress := _progress.get():
        progress.is_signing = True


def _note_posted(**_kwargs: Any) -> None:
    if progress := _progress.get():
        progress.is_posted = True


def _api_error(error: Exception, doing: str, progress: Progress) -> AnymailAPIError | None:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    kind, text = type(error).__name__, mask_addresses(str(error).replace(NO_RETRIES, ""))
    if isinstance(error, ClientError):
        meaning = _meaning(error.response)
        made = AnymailAPIError(f"{doing}: {text}", response=error.response, **meaning)
    elif isinstance(error, (BotoCoreError, ResponseParserError)):
        lines = [f"{doing}: {text}", *([HINTS[kind]] if kind in HINTS else [])]
        made = AnymailAPIError(*lines, **describe_exception(kind, progress.is_posted))
    elif isinstance(error, AnymailAPIError) or not (progress.is_signing or progress.is_posted):
        return None
    else:
        made = AnymailAPIError(
            f"{doing}: {kind}: {text}", **describe_exception(kind, progress.is_posted)
        )
    if progress.is_signing and not progress.is_posted:
        made.is_unsent = True  # whatever failed: it may be a call to AWS STS, for credentials
    return made


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it comes from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _meaning(response: Any) -> dict[str, Any]:
    # Answers that no AWS service gives may have anything in there.
    error = response.get("Error")
    error = error if isinstance(error, dict) else {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return describe_response(
        str(error.get("Code") or ""),
        str(error.get("Message") or ""),
        status if isinstance(status, int) else 0,
    )
