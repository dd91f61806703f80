"""The conditions of a statement, and the patterns in it.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Set operators for
multivalued context keys", "IAM JSON policy elements: Resource".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..amazon_ses.untrusted_json import as_list

#: True, False, or None if nobody can tell.
Truth = bool | None
Test = Callable[[str, str], bool]


def matches(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern: ``*`` is any text, ``?`` any character.

    However many ``*`` there are, it takes no longer than both lengths multiplied, which a regular
    expression would.
    """
    at, start, after_star, retry = 0, 0, -1, 0
    while at < len(text):
        wanted = pattern[start : start + 1]
        if wanted == "*":
            start, after_star, retry = start + 1, start + 1, at
        elif wanted in ("?", text[at]):
            at, start = at + 1, start + 1
        elif after_star < 0:
            return False
        else:  # let the last * take one more character
            at, start, retry = retry + 1, after_star, retry + 1
    return not pattern[start:].strip("*")


def arn_matches(pattern: str, text: str) -> bool:
    """The same for ARNs, each of whose six parts has to match by itself.

    Source: "Amazon Resource Name (ARN) condition operators", in the first of the above.
    """
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(matches, patterns, parts))


def _equals(pattern: str, text: str) -> bool:
    return pattern == text


def _equals_ignoring_case(pattern: str, text: str) -> bool:
    return pattern.lower() == text.lower()


#: The operators that are known. Those of numbers, dates and IP addresses are not.
TESTS: dict[str, Test] = {
    "StringEquals": _equals,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": matches,
    "ArnEquals": arn_matches,
    "ArnLike": arn_matches,
    "Bool": _equals_ignoring_case,
}
#: Those that hold if none of the values matches, or if the key is missing.
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
SET_OPERATORS = ("", "ForAnyValue", "ForAllValues")


def hold(condition: Any, context: Mapping[str, str], uncertain: frozenset[str]) -> Truth:
    """Whether a request fulfils the conditions of a statement.

    :param condition: the element ``Condition``; None if there is none.
    :param context: the condition keys of the request, with one value each.
    :param uncertain: lower-case keys that the request may have, too.
    """
    known = {name.lower(): value for name, value in context.items()}
    return every(
        _holds(operator, key.lower(), values, known, uncertain)
        for operator, key, values in _conditions(condition)
    )


def matches_any(value: Any, text: str, test: Test) -> Truth:
    """Whether a text matches a pattern, or one of a list of them.

    :param value: of an element, or of a condition key.
    :param test: takes a pattern and the text.
    """
    return some(_match(each, text, test) for each in as_list(value))


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all are true."""
    found = set(truths)
    return False if False in found else None if None in found else True


def some(truths: Iterable[Truth]) -> Truth:
    """Whether one is true."""
    return negated(every(map(negated, truths)))


def negated(truth: Truth) -> Truth:
    """The opposite; what nobody can tell stays so."""
    return None if truth is None else not truth


def _conditions(condition: Any) -> Iterator[tuple[str, str, Any]]:
    if condition is None:
        return
    operators = condition if isinstance(condition, dict) else {"": condition}
    for operator, keys in operators.items():
        for key, values in (keys if isinstance(keys, dict) else {"": keys}).items():
            yield operator, key, values


def _holds(
    operator: str, key: str, values: Any, known: Mapping[str, str], uncertain: frozenset[str]
) -> Truth:
    set_operator, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    test = TESTS.get(NEGATED.get(base, base))
    if set_operator not in SET_OPERATORS or (test is None and base != "Null"):
        return None
    if key not in known and key in uncertain:
        return None
    if test is None:
        return matches_any(values, str(key not in known), _equals_ignoring_case)
    if key not in known:
        is_optional = name != base or set_operator == "ForAllValues"
        return is_optional or (base in NEGATED and not set_operator)
    found = matches_any(values, known[key], test)
    return negated(found) if base in NEGATED else found


def _match(pattern: Any, text: str, test: Test) -> Truth:
    if not isinstance(pattern, (str, int)) or "${" in str(pattern):
        return None  # a policy variable, or what AWS does not accept
    return test(str(pattern), text)
