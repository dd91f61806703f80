"""Messages out of pickles, without running what else a pickle may hold.

A pickle names the classes and functions to call (Python's documentation: pickle, "Restricting
Globals"), so whoever can write to the table could run anything. Only classes without side effects
are found here: those of Python's ``email``, of Django's and Anymail's messages, and of dates.
"""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from types import FunctionType
from typing import Any, ClassVar

from django.core.mail import EmailMessage

from .rows import CannotTake

#: Modules and their classes. Older versions of this package, and django-anymail, have Anymail's in
#: other modules.
ALLOWED: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "django.core.mail.message": """
            EmailMessage EmailMultiAlternatives EmailAlternative EmailAttachment
        """,
        "django.utils.safestring": "SafeString",
        "anymail.conf.lookup": "UNSET",
        "anymail.message": "AnymailMessage",
        "anymail.message.message": "AnymailMessage",
        "anymail.utils": "UNSET",
        "datetime": "date datetime timedelta timezone",
    }.items()
}
#: What a message is sent without: its connection, and the status of an earlier attempt.
IGNORED = frozenset(
    {
        ("mailer.backend", "DbBackend"),
        ("anymail.message", "AnymailStatus"),
        ("anymail.message.status", "AnymailStatus"),
        ("anymail.message", "AnymailRecipientStatus"),
        ("anymail.message.status", "AnymailRecipientStatus"),
    }
)


class Ignored:
    """Takes the place of an object that is not wanted."""

    def __new__(cls, *_args: object, **_kwargs: object) -> Ignored:
        """Whatever the arguments."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Forget the attributes."""


# The one in C has no hook for BUILD.
class MessageUnpickler(pickle._Unpickler):
    """Finds only classes that do nothing but hold a message.

    :param data: the pickle.
    :param is_trusted: find everything.
    """

    def __init__(self, data: bytes, *, is_trusted: bool) -> None:
        super().__init__(io.BytesIO(data))
        self._is_trusted = is_trusted

    def find_class(self, module: str, name: str) -> Any:
        """The class of that name.

        :raises CannotTake: it is none of those that are allowed.
        """
        if (module, name) in IGNORED:
            return Ignored
        if self._is_trusted or name in ALLOWED.get(module, ()) or _is_of_email(module, name):
            return super().find_class(module, name)
        raise CannotTake(
            f"Its pickle names {module}.{name}, which is not part of a plain message. If nobody "
            "but your application can write to the table, use --trust-pickles."
        )

    stack: list[Any]

    def load_build(self) -> None:
        """Set the attributes of an object; not those of a class, which all messages share.

        :raises CannotTake: it is a class, or a function.
        """
        if isinstance(self.stack[-2], (type, FunctionType)):
            raise CannotTake("Its pickle changes a class.")
        super().load_build()  # type: ignore[misc]

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
    }


def _is_of_email(module: str, name: str) -> bool:
    """Whether it is a class of Python's ``email``, or what makes the classes of headers."""
    if (module, name) == ("email.headerregistry", "_reconstruct_header"):
        return True
    found = getattr(import_module(module), name, None) if module.startswith("email.") else None
    return isinstance(found, type) and found.__module__ == module


def load_message(data: bytes, *, is_trusted: bool) -> Any:
    """The message in a pickle.

    :param is_trusted: also allow classes and functions that are not part of a plain message, which
        may do anything.
    :raises CannotTake: it holds something else, or cannot be read.
    """
    try:
        found = MessageUnpickler(data, is_trusted=is_trusted).load()
    except CannotTake:
        raise
    except Exception as err:
        raise CannotTake(f"Its pickle cannot be read: {type(err).__name__}.") from err
    if not isinstance(found, EmailMessage):
        raise CannotTake(f"Its pickle holds no message, but a {type(found).__name__}.")
    return found
