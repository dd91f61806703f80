"""MIME -> bytes: the e-mail policy, with folding and encoding of headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.contentmanager import ContentManager, raw_data_manager
from email.generator import BytesGenerator
from email.message import Message
from email.policy import EmailPolicy
from io import BytesIO
from typing import Any

from ..addresses import parse_address_list
from ..exceptions import AnymailError, AnymailSerializationError
from .encoded_words import encode_words
from .headers import check_no_line_break

#: RFC 5322 section 2.1.1, without the CRLF.
MAX_LINE = 998
PREFERRED_LINE = 78
#: Headers that hold addresses.
ADDRESS_HEADERS = frozenset(
    {
        "bcc",
        "cc",
        "disposition-notification-to",
        "errors-to",
        "from",
        "reply-to",
        "resent-bcc",
        "resent-cc",
        "resent-from",
        "resent-sender",
        "resent-to",
        "return-path",
        "sender",
        "to",
    }
)
#: Headers that software reads: an encoded-word in them is not decoded (RFC 2047 section 5).
STRUCTURED_HEADERS = ADDRESS_HEADERS | {
    "in-reply-to",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-id",
    "references",
}
#: Headers that may occur only once (RFC 5322 section 3.6, RFC 2045).
ONCE = frozenset(
    {
        "bcc",
        "cc",
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "in-reply-to",
        "message-id",
        "mime-version",
        "references",
        "reply-to",
        "sender",
        "subject",
        "to",
    }
)

CRLF = "\r\n"
_LINE_BREAK = re.compile(r"\r?\n")
_FOLDED = re.compile(r"[\t -~]*(?:\r?\n[\t ][\t -~]*)*")


def as_bytes(mime: Message) -> bytes:
    """Serialise, with CRLF, and with long words in headers unbroken."""
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, policy=SES_POLICY).flatten(mime, linesep="\r\n")
    data = buffer.getvalue()
    if not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
        # The standard library writes the text of a message/* or multipart/* part as it is.
        data = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    return data


def fold_header(name: str, value: str) -> str:
    """A header field, folded at white space only, with CRLF at the end.

    The standard library turns a word that does not fit into 78 columns into encoded-words, which
    breaks List-Unsubscribe (RFC 8058), References and JSON. Here such a word gets a longer line.

    :param name: of the header.
    :param value: ASCII or not; folds that it already has are undone first.
    """
    if len(name) + len(value) < PREFERRED_LINE - 1 and _is_plain(value):
        return f"{name}: {value.strip()}\r\n"
    value = re.sub(r"(\r\n|\r|\n)(?=[ \t])", "", value)
    value = re.sub(r"[\r\n]+", " ", value).strip(" \t")
    value = encode_header(name, value)
    words = re.split(r"(?<=[^ \t])(?=[ \t])", value)
    if longest_word(words, name) > MAX_LINE:
        words = re.split(r"(?= )", encode_words(value, first_column=len(name) + 2))
    lines = [f"{name}: {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + len(word) <= PREFERRED_LINE:
            lines[-1] += word
        else:
            lines.append(word)
    return "\r\n".join(lines) + "\r\n"


class SmtpSafePolicy(EmailPolicy):
    """Builds and serialises messages; headers other than Content-* are kept as strings.

    The standard library parses a header when it is stored, and its folding of parsed addresses and
    words loses characters in several Python releases (for example CVE-2025-1795).
    """

    def header_max_count(self, name: str) -> int | None:
        """How often a header may occur; None for any number of times."""
        return 1 if name.lower() in ONCE else None

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """The name and value to store for a header.

        :raises ValueError: a line break in it.
        """
        if not isinstance(value, str) or _is_mime_header(name):
            return super().header_store_parse(name, value)
        check_no_line_break(name, value)
        return name, value

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        """The stored value of a header, unchanged."""
        return value  # parsed when it was stored, or never

    def fold(self, name: str, value: Any) -> str:
        """The header field with its lines folded; see :func:`fold_header`.

        In a signed part a header that has been parsed stays as it is (RFC 1847).
        """
        if self.max_line_length == 0 and type(value) is str and _FOLDED.fullmatch(value):
            # The standard library's generator sets the length to 0 in signed parts.
            return f"{name}: {_LINE_BREAK.sub(CRLF, value)}{CRLF}"
        if _is_mime_header(name) and longest_word(str(value).split(), name) > MAX_LINE:
            value = self.header_factory(name, str(value))
        if hasattr(value, "params"):  # encodes file names (RFC 2231)
            folded: str = super().fold(name, value)
            return folded
        return fold_header(name, _repair_surrogates(str(value)))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Like :meth:`fold`, as ASCII bytes."""
        return self.fold(name, value).encode("ascii")


class EightBitContentManager(ContentManager):
    """Leaves the encoding of text to :func:`.seven_bit.make_seven_bit`.

    The standard library takes Base64 for some texts, and its quoted-printable is slow.
    """

    def set_content(self, msg: Message, obj: Any, *args: Any, **kwargs: Any) -> None:
        """Set the content of a part; text stays 8-bit for now.

        :param obj: str, bytes, or a message.
        """
        if isinstance(obj, str):
            kwargs["cte"] = "8bit"
        raw_data_manager.set_content(msg, obj, *args, **kwargs)


SES_POLICY = SmtpSafePolicy(
    linesep="\r\n", cte_type="8bit", content_manager=EightBitContentManager()
)


@contextmanager
def text_errors() -> Iterator[None]:
    """Report text that a charset cannot hold as an error of the message.

    :raises AnymailSerializationError: within the block, some could not be encoded or decoded.
    """
    try:
        yield
    except (UnicodeEncodeError, UnicodeDecodeError) as err:
        verb = "encode" if isinstance(err, UnicodeEncodeError) else "decode"
        raise AnymailSerializationError(
            f"The message holds text that {err.encoding} cannot {verb}: {err.reason}."
        ) from err


def encode_header(name: str, value: str) -> str:
    """A header value in printable ASCII: itself, or with encoded-words (RFC 2047).

    :param name: of the header: one of :data:`ADDRESS_HEADERS` has only its names encoded.
    :raises ValueError: a line break in it.
    """
    check_no_line_break(name, value)
    if _is_plain(value.replace("\t", " ")):
        return value
    if name.lower() in ADDRESS_HEADERS:
        try:
            addresses = parse_address_list(value, name)
            return ", ".join(address.format(idna_encode=_punycode) for address in addresses)
        except AnymailError:
            pass  # free text, as in an obsolete phrase or a group
    return encode_words(value, first_column=len(name) + 2)


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _punycode(domain: str) -> str:
    return domain.encode("idna").decode("ascii")


def longest_word(words: Iterable[str], header: str) -> int:
    """The length of a line with the header's name and the longest of the words."""
    return max(map(len, words), default=0) + len(header) + len(": ")


def _repair_surrogates(value: str) -> str:
    """Raw 8-bit bytes, as the parser keeps them in headers of an attached message, as text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "surrogateescape")
        return raw.decode("utf-8", "replace")
    return value


def _is_mime_header(name: str) -> bool:
    return name.lower().startswith("content-") and name.lower() != "content-id"
