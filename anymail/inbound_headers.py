"""Headers of received mail, read forgivingly: whatever a sender wrote, nothing is raised.

The standard library's modern policy does the reading. What it adds to that: a length beyond which
its structured parsers would take too long, and an answer where they raise ``IndexError``,
``AttributeError``, ``ValueError`` or ``RecursionError``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from email import errors
from email.header import decode_header, make_header
from email.headerregistry import Address, AddressHeader, Group, HeaderRegistry, UnstructuredHeader
from email.policy import EmailPolicy
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from .addresses import EmailAddress

if TYPE_CHECKING:
    from email._header_value_parser import AddressList, UnstructuredTokenList

#: Codecs of Python that are no charset of e-mail: they raise, or take quadratic time.
NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
#: Characters of one header, unfolded; what is beyond is cut off.
MAX_HEADER_LENGTH = 64 * 1024
#: Characters of a header's name.
MAX_NAME_LENGTH = 1000
#: Lines of one block of headers; those beyond are skipped.
MAX_HEADER_LINES = 10_000
#: Addresses in one header that is longer than the next limit.
MAX_ADDRESSES = 3000
#: Characters of an address header that the standard library's quadratic parser gets at once.
MAX_ADDRESS_LENGTH = 1000
#: Characters of a header that is remembered for a while.
MAX_CACHED_LENGTH = 500
#: Characters of other headers, likewise.
MAX_PARSED_LENGTH = 4000

_ADDRESS = re.compile(
    r"\\[\\\"()]"  # an escaped quotation mark or bracket, lest it opens anything;
    r"|=\?[^?\s]{1,60}\?[^?\s]\?[^?\s]{0,500}\?="  # an encoded-word,
    r'|"(?:[^"\\]|\\.)*"'  # a quoted string,
    r"|\((?:[^()\\]|\\.)*\)"  # a comment,
    r"|<[^<>]*>|\[[^\[\]]*\]"  # brackets: no comma in them separates anything;
    r"|(?P<separator>[,;:])"
    r"|[^\\\"(<\[,;:=]+|.",
    re.DOTALL,
)


_LINE_END = re.compile(r"\r\n|\r|\n")
_WORD = r"=\?[^?\s]{1,60}\?[BbQq]\?[^?\s]{0,500}\?="
_ENCODED_WORDS = re.compile(rf"{_WORD}(?:\s+{_WORD})*")


class HeaderTooLongDefect(errors.HeaderDefect):
    """A header was cut off, or headers were skipped, at the documented length."""


class InvalidAddressDefect(errors.HeaderDefect):
    """Something in an address header is no address."""


class LongTextHeader(UnstructuredHeader):
    """A long header, decoded in linear time."""

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """Fill in what the standard library's header types are made from.

        :param value: unfolded.
        :param kwds: what is filled in.
        """
        kwds["decoded"] = _ENCODED_WORDS.sub(_decode_words, value)
        kwds["parse_tree"] = _no_tree()


class UnreadableHeader:
    """A header that cannot be parsed: the text as it came, nothing decoded."""

    max_count = None

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """Fill in what the standard library's header types are made from."""
        kwds["decoded"] = value
        kwds["parse_tree"] = _no_tree()
        kwds["defects"] = [errors.InvalidHeaderDefect("the header cannot be parsed")]

    def fold(self, *, policy: Any) -> str:
        """The header's lines, for a message that is written again.

        :param policy: of the standard library; tells the line ends.
        """
        name: str = self.name  # type: ignore[attr-defined]
        value = "".join(str(self).split("\n")).replace("\r", "")
        return f"{name}: {value.encode('ascii', 'replace').decode()}{policy.linesep}"


class LongAddressHeader(AddressHeader):
    """An address header whose addresses are parsed one by one.

    That takes time in proportion to the length, and an address that cannot be parsed does not
    spoil the others.
    """

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """Fill in what the standard library's header types are made from."""
        groups: list[Group] = []
        defects: list[errors.MessageDefect] = []
        for position, text in enumerate(split_addresses(value)):
            if position == MAX_ADDRESSES:
                defects.append(errors.InvalidHeaderDefect("there are too many addresses"))
                break
            one = cls.parse_one(text)
            groups += one["groups"]
            defects += one["defects"]
        kwds["groups"] = groups
        kwds["defects"] = defects
        kwds["decoded"] = ", ".join(str(group) for group in groups)
        kwds["parse_tree"] = _no_addresses()

    @classmethod
    def parse_one(cls, text: str) -> dict[str, Any]:
        """The same for one address: without its display name, or none, if that must be.

        :return: the groups of one address, and the defects.
        """
        found: list[errors.MessageDefect] = []
        for candidate in (text, text[text.rfind("<") :]):
            one: dict[str, Any] = {}
            if len(candidate) <= MAX_ADDRESS_LENGTH:
                try:
                    AddressHeader.parse.__func__(cls, candidate, one)  # type: ignore[attr-defined]
                except Exception:  # noqa: S110 - whatever it is, it is noted below
                    pass
                else:
                    return {"groups": one["groups"], "defects": one["defects"] + found}
            found = [errors.InvalidHeaderDefect("an address cannot be parsed")]
        return {"groups": [], "defects": found}


class ForgivingRegistry(HeaderRegistry):
    """Makes header objects, and never raises."""

    def __call__(self, name: str, value: Any) -> Any:
        """The header object for a value.

        :param name: of the header.
        :param value: what stands in the mail, unfolded; or address objects of the standard
            library.
        """
        kind = self.registry.get(name.lower(), self.default_class)
        is_short = isinstance(value, str) and len(value) <= MAX_CACHED_LENGTH
        make = make_cached_header if is_short else make_header_object
        return make(kind, self.base_class, name, value)


class InboundPolicy(EmailPolicy):
    """The standard library's modern policy, with forgiving headers.

    Headers are written again as they came (``refold_source``): parsing and folding hostile ones
    raises. Any header may be there any number of times.
    """

    #: Headers are checked when they are set; received ones are written as they came.
    verify_generated_headers = False

    def header_max_count(self, name: str) -> int | None:
        """How often a header may be there: any number of times."""
        return None

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The header object for what stands in the mail."""
        if hasattr(value, "name"):
            return value
        unfolded = "".join(value.splitlines()) if "\n" in value or "\r" in value else value
        return self.header_factory(name, replace_surrogates(unfolded))

    def fold_binary(self, name: str, value: str) -> bytes:
        """The header's lines, for a message that is written again."""
        if hasattr(value, "name"):
            return super().fold_binary(name, value)
        lines = self.linesep.join(_LINE_END.split(value))
        return f"{name}: {lines}{self.linesep}".encode("utf-8", "surrogateescape")


INBOUND = InboundPolicy(header_factory=ForgivingRegistry(), refold_source="none")


def read_addresses(name: str, value: Any) -> tuple[list[EmailAddress], list[str]]:
    """The addresses in a header, and what was wrong with the others.

    :param name: the header's name; any, also of one that holds no addresses by the standards.
    :param value: a header object, or what stands in the mail.
    :return: the addresses; and a text for each problem, with the header's name.
    """
    header = value
    if not hasattr(value, "addresses"):
        header = INBOUND.header_fetch_parse("To", str(value))
    found: list[EmailAddress] = []
    problems: list[str] = []
    for address in getattr(header, "addresses", ()):
        if problem := _problem(address):
            problems.append(problem)
        else:
            found.append(EmailAddress(address.display_name, address.addr_spec))
    if not problems:
        problems = [str(d) for d in header.defects if isinstance(d, errors.InvalidHeaderDefect)]
    return found, [f"{name}: {problem}" for problem in dict.fromkeys(problems)]


def split_addresses(value: str) -> Iterator[str]:
    """The pieces of an address header between its commas, in linear time.

    The name of a group comes as a piece of its own, which holds no address.
    """
    start = 0
    for token in _ADDRESS.finditer(value):
        if (separator := token["separator"]) is not None:
            piece = value[start : token.start()].strip()
            start = token.end()
            if piece and separator != ":":
                yield piece
    if piece := value[start:].strip():
        yield piece


def replace_surrogates(text: str) -> str:
    """The same text, with bytes that are not ASCII read as UTF-8 (RFC 6532)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def is_charset(name: str) -> bool:
    """Whether it is a charset that Python can decode, and safely so."""
    try:
        b"a".decode(name, "replace")
        return codecs.lookup(name).name.replace("_", "-") not in NO_CHARSETS
    except (LookupError, ValueError):
        return False


def is_ascii(name: str) -> bool:
    """Whether it is one of the names of US-ASCII."""
    return is_charset(name) and codecs.lookup(name).name == "ascii"


def _candidates(kind: Any, value: Any) -> Iterable[Any]:
    """The header types to try, in turn."""
    if issubclass(kind, AddressHeader):
        short = not isinstance(value, str) or len(value) <= MAX_ADDRESS_LENGTH
        return (kind, LongAddressHeader) if short else (LongAddressHeader,)
    if isinstance(value, str) and len(value) > MAX_PARSED_LENGTH:
        return (LongTextHeader,)
    return (kind, UnstructuredHeader)


def make_header_object(kind: Any, base: Any, name: str, value: Any) -> Any:
    """A header object; of a simpler type if the value cannot be parsed as the one asked for."""
    for candidate in _candidates(kind, value):
        try:
            return concrete(candidate, base)(name, value)
        except Exception:  # noqa: S112 - the next candidate expects less of the value
            continue
    return concrete(UnreadableHeader, base)(name, value)


#: The content type of a part is asked for time and again, and parsing it takes long.
make_cached_header: Callable[[Any, Any, str, Any], Any] = lru_cache(maxsize=64)(make_header_object)


@cache
def concrete(kind: Any, base: Any) -> Any:
    """The class of header objects of a kind.

    The standard library makes a new class for each header object, which takes longer than the
    rest of reading a short header.
    """
    return type("_" + kind.__name__, (kind, base), {})


def _problem(address: Address) -> str | None:
    if not address.username:
        return "nothing stands before the @"
    if not address.domain:
        return "there is no @domain"
    if not all(c.isprintable() for c in address.addr_spec) or " " in address.domain:
        return "an address has a character that is not allowed"
    return None


def _decode_words(match: re.Match[str]) -> str:
    """What encoded-words (RFC 2047) stand for, or they themselves."""
    try:
        words = decode_header(match.group())
        if all(charset is None or is_charset(charset) for _, charset in words):
            return str(make_header(words))
    except (errors.HeaderParseError, LookupError, ValueError):
        pass
    return match.group()


def _no_tree() -> UnstructuredTokenList:
    from email._header_value_parser import UnstructuredTokenList

    return UnstructuredTokenList()


def _no_addresses() -> AddressList:
    from email._header_value_parser import AddressList

    return AddressList()
