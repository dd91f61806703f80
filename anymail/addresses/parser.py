"""Address lists of mail (RFC 5322 section 3.4) -> mailboxes, in linear time.

The same on every Python: ``email.utils`` gives different answers from one release to the next
(CVE-2023-27043), and takes quadratic time. When sending, a list with any problem is refused; of
received mail, the valid mailboxes are used. No address is ever made up: each appears in the list
between white space, commas or angle brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..mime.encoded_words import decode_encoded_words, decode_raw_bytes

#: Problems, as errors and defects call them. They never hold the address.
NO_ADDRESS = "no address can be found in it"
NO_DOMAIN = "there is no @domain"
NOTHING_BEFORE = "nothing stands before the @"
NOTHING_AFTER = "nothing stands after the @"
BAD_CHARACTER = "an address has a character that is not allowed"
WHITE_SPACE = "there is white space in an address, or a display name without <angle brackets>"
UNQUOTED_NAME = "a display name with special characters is not in quotes"
WORDS_AFTER = "text follows the closing angle bracket"
ANGLE_BRACKETS = "the angle brackets do not match"
SEMICOLON = "a semicolon separates addresses instead of a comma"
GROUP = "a colon outside of quotes begins a group that does not end with a semicolon"
NO_COMMA = "there is no comma between two addresses"
NOT_CLOSED = "a quotation mark or a bracket is not closed"
CONTROL_CHARACTER = "there is a control character in it"

_SPACE = r"[ \t\r\n\f\v]"
_QUOTED_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'


def _token_pattern(quoted: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<gap>{_SPACE}+)"
        r"|(?P<word>=\?[^?\s]+\?[BbQq]\?[^?\s]*\?="  # an encoded-word, with commas or dots in it
        r'|[^ \t\r\n\f\v"(),:;<>@\[\]\\]+)'
        rf"|(?P<quoted>{quoted})"
        r"|(?P<literal>\[[^\[\]\\]*\])"
        r"|(?P<special>\\.|.)",
        re.DOTALL,
    )


_TOKEN = _token_pattern(_QUOTED_STRING)
#: After a quotation mark that is not closed, no later one is: looking for each would take quadratic
#: time.
_TOKEN_WITHOUT_QUOTES = _token_pattern("(?!)")
_BRACKET_OF_COMMENT = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
#: C0, DEL and C1 (Unicode category Cc).
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")
#: Invisible characters that words of some languages need (RFC 5892 appendix A).
_JOINERS = "\u200c\u200d"


class Mailbox(NamedTuple):
    """One address of a list.

    :param display_name: decoded, without quotes; empty if there is none.
    :param addr_spec: ``user@domain`` as it is written.
    """

    display_name: str
    addr_spec: str


class MailboxList(NamedTuple):
    """The result of :func:`parse_mailboxes`.

    :param mailboxes: in their order.
    :param problems: violations of RFC 5322, each once, without the text itself.
    """

    mailboxes: list[Mailbox]
    problems: list[str]


def parse_mailboxes(text: str) -> MailboxList:
    """The mailboxes in the value of an address header. Never raises.

    Members of groups are returned like others. A comment (``ann@example.com (Ann)``) is the
    display name if there is no other.

    :param text: unfolded or not. Bytes that are not ASCII may be escaped as surrogates.
    """
    parser = _Parser()
    for token in _tokens(text):
        parser.take(token)
    parser.end()
    return MailboxList(parser.mailboxes, list(parser.problems))


def has_control_character(text: str) -> bool:
    """Whether a text contains a line break, a tab or another control character."""
    return bool(_CONTROL.search(text))


class _Token(NamedTuple):
    """``kind`` is "word", "quoted", "literal", "comment" or "special".

    ``special`` is the text of a special token, and empty for the others.
    """

    kind: str
    text: str
    after_gap: bool
    special: str

    @property
    def is_separator(self) -> bool:
        """Whether it is a single dot or @."""
        return self.text in (".", "@") and self.kind in ("word", "special")


#: Whether there may be white space before the token at an index.
_GapRule = Callable[[list[_Token], int], bool]


def _tokens(text: str) -> Iterator[_Token]:
    comment_ends = _comment_ends(text)
    pattern = _TOKEN
    position, after_gap = 0, False
    while match := pattern.match(text, position):
        begin, position = match.span()
        kind, piece = str(match.lastgroup), match[0]
        if kind == "gap":
            after_gap = True
            continue
        if piece == "(" and begin in comment_ends:
            position = comment_ends[begin]
            kind, piece = "comment", text[begin + 1 : position - 1]
        elif piece == '"':
            pattern = _TOKEN_WITHOUT_QUOTES
        yield _Token(kind, piece, after_gap, piece if kind == "special" else "")
        after_gap = kind == "comment"


def _comment_ends(text: str) -> dict[int, int]:
    """The ends of comments (RFC 5322 section 3.2.2) by their beginnings; they may be nested."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACKET_OF_COMMENT.finditer(text) if "(" in text else ():
        if match[0] == "(":
            opened.append(match.start())
        elif match[0] == ")" and opened:
            ends[opened.pop()] = match.end()
    return ends


class _Parser:
    """Takes tokens, and collects the mailboxes and the problems."""

    def __init__(self) -> None:
        self.mailboxes: list[Mailbox] = []
        self.problems: dict[str, None] = {}
        self.is_in_group = False
        self._begin()

    def _begin(self) -> None:
        """Begin the text between two commas."""
        self.words: list[_Token] = []  # outside of angle brackets
        self.comments: list[str] = []
        self.angle: list[_Token] | None = None  # inside of open ones
        self.has_angle = False
        self.addr_spec: str | None = None

    def note(self, problem: str | None) -> None:
        if problem:
            self.problems[problem] = None

    def take(self, token: _Token) -> None:
        if self.angle is not None:
            self._take_in_angle(token, self.angle)
        elif token.kind == "comment":
            self.comments.append(token.text)
        elif token.special in (",", ";"):
            self._separate(token.text)
        elif token.special == ":":
            self._begin_group()
        elif token.special == "<":
            self._open_angle()
        elif token.special == ">":
            self.note(ANGLE_BRACKETS)
            self._end_mailbox()  # or what stands around it would become one word
        else:
            self.note(WORDS_AFTER if self.has_angle else None)
            self.words.append(token)

    def end(self) -> None:
        if self.angle is not None:
            self._close_angle(self.angle, ANGLE_BRACKETS)
        self._end_mailbox()
        self.note(GROUP if self.is_in_group else None)

    def _take_in_angle(self, token: _Token, angle: list[_Token]) -> None:
        has_route = bool(angle) and angle[0].special == "@"  # <@relay:user@domain>
        if token.special == ">":
            self._close_angle(angle)
        elif token.special == "<":
            self.note(ANGLE_BRACKETS)
            self.angle = []  # the innermost pair holds the address
        elif token.special == ":":
            self.note(None if has_route else BAD_CHARACTER)
            self.angle = []
        elif token.special == ";" or (token.special == "," and not has_route):
            self._close_angle(angle, ANGLE_BRACKETS)
            self._separate(token.text)
        elif token.kind != "comment":
            angle.append(token)

    def _separate(self, separator: str) -> None:
        self._end_mailbox()
        if separator == ";":
            self.note(None if self.is_in_group else SEMICOLON)
            self.is_in_group = False

    def _begin_group(self) -> None:
        is_name = bool(self.words) and not any(token.special for token in self.words)
        self.note(None if is_name and not self.is_in_group and not self.has_angle else GROUP)
        if self.has_angle:
            self._end_mailbox()
        self.is_in_group = True
        self._begin()

    def _open_angle(self) -> None:
        if self.has_angle:
            self.note(NO_COMMA)
            self._end_mailbox()
        self.angle, self.has_angle = [], True

    def _close_angle(self, angle: list[_Token], problem: str | None = None) -> None:
        self.note(problem)
        self.angle = None
        self.addr_spec, problem = _read_addr_spec(angle, _may_have_gap)
        self.note(problem)

    def _end_mailbox(self) -> None:
        if self.has_angle:
            self.note(_problem_of_name(self.words))
            name = self.words
        else:
            self.addr_spec, name = self._read_bare()
        if self.addr_spec is not None:
            display_name = self._read_name(
                _phrase(name) or " ".join(map(_unescaped, self.comments))
            )
            self.mailboxes.append(Mailbox(display_name, self.addr_spec))
        self._begin()

    def _read_bare(self) -> tuple[str | None, list[_Token]]:
        """The address without angle brackets, and the words before it."""
        if not self.words:
            return None, []
        addr_spec, problem = _read_addr_spec(self.words, _may_have_gap_outside)
        self.note(problem)
        if problem != WHITE_SPACE:
            return addr_spec, []
        start = max(i for i, token in enumerate(self.words) if i == 0 or token.after_gap)
        before, last = self.words[:start], self.words[start:]
        if any(token.special == "@" for token in before):
            return None, []  # it is unclear which one is meant, or whether they are one
        addr_spec, problem = _read_addr_spec(last, _may_have_gap_outside)
        self.note(problem)
        return addr_spec, before

    def _read_name(self, raw: str) -> str:
        name = decode_encoded_words(raw)
        if has_control_character(name):
            self.note(CONTROL_CHARACTER)
            name = _CONTROL.sub(" ", name)
        return name.strip()


def _read_addr_spec(tokens: list[_Token], may_have_gap: _GapRule) -> tuple[str | None, str | None]:
    """The address that tokens form, or the problem with them."""
    if not tokens:
        return None, NO_ADDRESS
    if _has_gap(tokens, may_have_gap):
        return None, WHITE_SPACE
    at = next((i for i, token in enumerate(tokens) if token.special == "@"), None)
    if at is None:
        return None, NO_DOMAIN
    local, domain = tokens[:at], tokens[at + 1 :]
    if not local:
        return None, NOTHING_BEFORE
    if not domain:
        return None, NOTHING_AFTER
    addr_spec = decode_raw_bytes("".join(token.text for token in tokens))
    is_fine = _is_local_part(local) and _is_domain(domain) and _is_visible(addr_spec)
    return (addr_spec, None) if is_fine else (None, BAD_CHARACTER)


def _has_gap(tokens: list[_Token], may_have_gap: _GapRule) -> bool:
    """Whether there is white space where it does not belong."""
    return any(tokens[i].after_gap and not may_have_gap(tokens, i) for i in range(1, len(tokens)))


def _may_have_gap(tokens: list[_Token], i: int) -> bool:
    """Whether white space before a token belongs to an address in angle brackets.

    RFC 5322 section 4.4 allows it next to dots and the @.
    """
    return tokens[i - 1].text[-1] in ".@" or tokens[i].text[0] in ".@"


def _may_have_gap_outside(tokens: list[_Token], i: int) -> bool:
    """The same without angle brackets: only if it is on both sides of the dot or @.

    ``user@test . example`` is an address; in ``J. user@example``, the ``J.`` is part of a name.
    """
    before, token = tokens[i - 1], tokens[i]
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    return (before.is_separator and before.after_gap) or (
        token.is_separator and after is not None and after.after_gap
    )


def _is_local_part(tokens: list[_Token]) -> bool:
    """Words and quoted strings with dots between them."""
    texts = ["", *(token.text for token in tokens), ""]
    for i, token in enumerate(tokens, start=1):
        if token.kind == "quoted":
            if texts[i - 1][-1:] not in ("", ".") or texts[i + 1][:1] not in ("", "."):
                return False
        elif not _is_atom(token):
            return False
    return True


def _is_domain(tokens: list[_Token]) -> bool:
    """Atoms with dots, or a literal: ``[192.0.2.1]``."""
    return [token.kind for token in tokens] == ["literal"] or all(map(_is_atom, tokens))


def _is_atom(token: _Token) -> bool:
    # Some servers decode encoded-words in addresses, and send to another address.
    return token.kind == "word" and "=?" not in token.text


def _is_visible(addr_spec: str) -> bool:
    return all(character.isprintable() or character in _JOINERS for character in addr_spec)


def _problem_of_name(tokens: list[_Token]) -> str | None:
    texts = {token.text for token in tokens if token.kind in ("literal", "special")}
    if not texts:
        return None
    return NOT_CLOSED if texts & {'"', "(", ")", "[", "]"} else UNQUOTED_NAME


def _phrase(tokens: list[_Token]) -> str:
    """The words of a display name, with single spaces where there is white space."""
    return "".join(" " * token.after_gap + _plain(token) for token in tokens).strip()


def _plain(token: _Token) -> str:
    if token.kind == "quoted":
        return _unescaped(token.text[1:-1])
    if token.kind == "special":
        return "" if token.text == '"' else token.text[-1]
    return token.text


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
