"""The conditions of :func:`.assert_sent`, and whether a message meets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any, TypedDict

from django.core.mail import EmailMessage
from django.utils.functional import Promise
from django.utils.html import strip_tags

from ..addresses import EmailAddress, parse_address_list
from ..backends.test import build_test_params
from ..exceptions import AnymailError
from ..outgoing import OutgoingMessage

#: One text among others, or all of them in any order.
Texts = str | Iterable[str] | None
#: A text to find, or a compiled regular expression that finds it.
Text = str | re.Pattern[str]
#: Characters of a value that a failure shows.
MAX_VALUE = 300
#: Of a condition -> the key in ``anymail_test_params``, where it is another one.
PARAMS = {"from_email": "from", "headers": "extra_headers"}
#: Of a condition -> its type for people, and for Python; lists of it, too.
KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "contains": ("a string, a regular expression, or a list of them", (str, re.Pattern)),
    "tags": ("a string or a list of strings", (str,)),
    "attachments": ("a string or a list of strings", (str,)),
    "headers": ("a dict", (Mapping,)),
}
#: Of elements whose text nobody sees.
INVISIBLE = re.compile(r"<(style|script|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
#: The end of a block of HTML is white space to a reader.
BREAK = re.compile(r"<(?:/(?:p|div|li|tr|td|th|h\d)|br)\b[^>]*>", re.IGNORECASE)


class Conditions(TypedDict, total=False):
    """What a message may have to meet; the keywords of :func:`~anymail.testing.assert_sent`.

    Addresses are compared without display names, unless you give one; the case of domains does not
    matter. ``contains`` is as in Django's ``body_contains()``: the body has the text, and so has
    each alternative of a type ``text/*``. Both the source and the visible text of HTML are
    searched, and differences in white space do not matter. The other conditions without a comment
    are attributes of :class:`~anymail.message.AnymailMessage`.
    """

    to: Texts
    cc: Texts
    bcc: Texts
    reply_to: Texts
    #: The address in the From header.
    from_email: str
    #: The whole subject, or a regular expression to find in it.
    subject: Text | None
    contains: Text | Iterable[Text] | None
    #: Extra headers.
    headers: Mapping[str, Any]
    #: File names.
    attachments: Texts
    #: The alias of the mailer (Django 6.1).
    using: str
    tags: Texts
    metadata: Mapping[str, Any] | None
    template_id: str | None
    merge_data: Mapping[str, Mapping[str, Any]] | None
    merge_global_data: Mapping[str, Any] | None
    merge_headers: Mapping[str, Mapping[str, Any]] | None
    merge_metadata: Mapping[str, Mapping[str, Any]] | None
    merge_track_clicks: Mapping[str, bool] | None
    merge_track_opens: Mapping[str, bool] | None
    esp_extra: Mapping[str, Any] | None
    envelope_sender: str | None
    send_at: datetime | None
    priority: int | None
    expires_at: datetime | None
    idempotency_key: str | None
    on_doubt: str | None
    tenant: str | None
    track_clicks: bool | None
    track_opens: bool | None


@dataclass(frozen=True)
class Condition:
    """One condition.

    :param name: the keyword of :func:`.assert_sent`.
    :param wanted: its value.
    """

    name: str
    wanted: Any

    def holds(self, message: EmailMessage) -> bool:
        """Whether a message of the outbox meets it."""
        return not self._problem(message)

    def why_not(self, message: EmailMessage) -> str:
        """Why a message does not meet it, for people."""
        return f"{self.name}: {self._problem(message)}"

    def _problem(self, message: EmailMessage) -> str:
        compare = COMPARISONS.get(self.name, _compare_values)
        return compare(self.wanted, recorded(self.name, message))


def conditions_from(keywords: Mapping[str, Any]) -> list[Condition]:
    """The conditions that keywords of :func:`.assert_sent` state.

    :param keywords: name to value.
    :raises TypeError: a name is unknown, or its value can be none.
    """
    known = Conditions.__annotations__
    for name in keywords.keys() - known.keys():
        raise TypeError(f"{name!r} is not a condition. These are: {', '.join(known)}.")
    return [Condition(name, _checked(name, _frozen(value))) for name, value in keywords.items()]


def recorded(name: str, message: EmailMessage) -> Any:
    """What a message of the outbox has for a condition; None if it has nothing."""
    if name == "using":
        return getattr(message, "sent_using", None)
    if name == "state":
        return getattr(message, "outbox_state", None)
    params = _params(message)
    if name == "contains":
        return _bodies(params)
    if name == "attachments":
        return [attachment.name for attachment in params.get("attachments", ())]
    return params if name == "esp_extra" else params.get(PARAMS.get(name, name))


def _params(message: EmailMessage) -> dict[str, Any]:
    """What our test backend recorded, or made in the same way of what Django's backend recorded."""
    params: dict[str, Any] | None = getattr(message, "anymail_test_params", None)
    if params is not None:
        return params
    try:
        return build_test_params(OutgoingMessage.from_django(message, {}))
    except (AnymailError, ValueError):  # Django's backend takes addresses that SES would not
        return {"subject": str(message.subject), "text_body": str(message.body)}


def _frozen(value: Any) -> Any:
    """Lazy texts as text, and iterables as lists: an iterator is read once, and a failure shows it
    again."""
    if isinstance(value, Promise):
        return str(value)
    is_one = isinstance(value, (str, bytes, re.Pattern, Mapping))
    return value if is_one or not isinstance(value, Iterable) else [_frozen(one) for one in value]


def _checked(name: str, value: Any) -> Any:
    """A value that can be compared at all; anything else would fail in the middle of it."""
    if value is None or name not in KINDS:
        return value
    wanted, kinds = KINDS[name]
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, kinds):
            raise TypeError(
                f"The condition {name} must be {wanted}, not {type(one).__name__}: {_shown(one)}"
            )
    return value


def _bodies(params: Mapping[str, Any]) -> dict[str, list[str]]:
    """The name of each body -> the forms of its text that are searched."""
    html = str(params.get("html_body", ""))
    visible = unescape(strip_tags(BREAK.sub("\n", INVISIBLE.sub("", html))))
    found = {
        "text body": [str(params.get("text_body", ""))],
        "HTML body": [visible, html, unescape(html)],
        **{
            f"{mimetype} alternative": [str(content)]
            for content, mimetype in params.get("alternatives", ())
            if mimetype.startswith("text/")
        },
    }
    return {name: forms for name, forms in found.items() if forms[0] or forms[-1]}


def _compare_bodies(wanted: Any, bodies: dict[str, list[str]]) -> str:
    if wanted is None:
        return "".join(f"has the {name} {_shown(bodies[name][0])}" for name in [*bodies][:1])
    texts = wanted if isinstance(wanted, list) else [wanted]
    if not bodies:
        return "the message has no body"
    for text in texts:
        for name, forms in bodies.items():
            if not any(_finds(text, form) for form in forms):
                return f"{_shown(text)} is not in the {name}: {_shown(forms[0].strip())}"
    return ""


def _finds(wanted: str | re.Pattern[str], text: str) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(text) is not None
    return " ".join(wanted.split()) in " ".join(text.split())


def _compare_addresses(wanted: Any, sent: Any) -> str:
    """Addresses in any order; a string holds some of them, a list all."""
    has = [*sent] if isinstance(sent, list) else [sent] if sent else []
    expected = parse_address_list(wanted)
    missing = [one for one in expected if not any(_is_same(one, other) for other in has)]
    is_all = isinstance(wanted, str) or len(has) == len(expected)
    if not missing and is_all:
        return ""
    return _has(cut(", ".join(map(str, has))))


def _is_same(wanted: EmailAddress, sent: EmailAddress) -> bool:
    """The same address, with the same display name if one is wanted."""
    if wanted.display_name and wanted.display_name != sent.display_name:
        return False
    return wanted.username == sent.username and wanted.domain.lower() == sent.domain.lower()


def _compare_subjects(wanted: Any, sent: Any) -> str:
    if isinstance(wanted, re.Pattern):
        return "" if wanted.search(sent or "") else _has(_shown(sent))
    return _compare_values(wanted or "", sent or "")


def _compare_texts(wanted: Any, sent: Any) -> str:
    """Texts in any order; a string is one of them, a list has all."""
    has = list(sent or ())
    if isinstance(wanted, str):
        return "" if wanted in has else _has(_shown(has))
    is_same = sorted(map(str, wanted or ())) == sorted(map(str, has))
    return "" if is_same else _has(_shown(has))


def _compare_extra(wanted: Any, sent: Any) -> str:
    """Like :func:`_compare_values`; what is sent has all other parameters, too."""
    if isinstance(wanted, Mapping) and (missing := [key for key in wanted if key not in sent]):
        return f"has no {missing[0]!r}"
    return _compare_values(wanted, sent)


def _compare_headers(wanted: Any, sent: Any) -> str:
    return _compare_values(_lowered(wanted), _lowered(sent))


def _lowered(headers: Mapping[str, Any] | None) -> dict[str, str] | None:
    if headers is None:
        return None
    return {name.lower(): str(value) for name, value in headers.items()}


def _compare_values(wanted: Any, sent: Any) -> str:
    """The items of a dict; everything else is equal."""
    if not isinstance(wanted, Mapping) or not isinstance(sent, Mapping):
        return "" if wanted == sent else _has(_shown(sent))
    for key, value in wanted.items():
        if key not in sent:
            return f"has no {key!r}: {_shown(dict(sent))}"
        if sent[key] != value:
            return f"has {key!r}: {_shown(sent[key])}"
    return ""


def _has(what: str) -> str:
    return f"has {what}" if what not in ("", "None", "[]") else "has none"


def _shown(value: Any) -> str:
    text = f"re.compile({value.pattern!r})" if isinstance(value, re.Pattern) else repr(value)
    return cut(text)


def cut(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


#: By the name of the condition: returns what is wrong, or an empty string.
COMPARISONS: dict[str, Callable[[Any, Any], str]] = {
    **dict.fromkeys(("to", "cc", "bcc", "reply_to", "from_email"), _compare_addresses),
    "subject": _compare_subjects,
    "contains": _compare_bodies,
    "headers": _compare_headers,
    "esp_extra": _compare_extra,
    "attachments": _compare_texts,
    "tags": _compare_texts,
    "using": _compare_values,
}
