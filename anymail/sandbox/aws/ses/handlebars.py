"""The part of Handlebars that SES's templates are usually written in.

Variables with paths, ``#if``, ``#unless``, ``#each``, ``#with``, ``else``, comments; no partials
and no helpers. SES does not escape values for HTML (Amazon SES Developer Guide, "Advanced
personalization").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ErrorCode, SesError

TAG = re.compile(r"(\{\{!--.*?--\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\})", re.DOTALL)
PATH = re.compile(r"(?:@?[\w-]+|\.\.?|\[[^\]]+\])(?:[./](?:[\w-]+|\.\.|\[[^\]]+\]))*")
BLOCKS = frozenset({"if", "unless", "each", "with"})
#: Nobody writes deeper ones.
MAX_DEPTH = 50


class TemplateError(SesError):
    """A template is not well formed, or needs what the data does not have."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID_TEMPLATE, message)


@dataclass(kw_only=True)
class Tag:
    """``{{path}}``; with a kind, ``{{#kind path}} parts {{else}} otherwise {{/kind}}``."""

    path: str
    kind: str = ""
    parts: list[str | Tag] = field(default_factory=list)
    otherwise: list[str | Tag] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not PATH.fullmatch(self.path):
            raise TemplateError(f"The sandbox does not understand '{self.path}' in a template.")


Parts = list[str | Tag]
#: A value, and what ``@index`` and the like are in it.
Scope = tuple[Any, Mapping[str, Any]]


def render(template: str, data: Mapping[str, Any], *, blocks: bool = True) -> str:
    """Fill in a template. Without ``blocks``, it may only have variables."""
    parts = parse(template)
    if not blocks and any(getattr(part, "kind", "") for part in parts):
        raise TemplateError("This template may only have variables, no blocks.")
    try:
        return _render(parts, [(data, {})])
    except RecursionError as err:
        raise TemplateError("The data is nested too deeply.") from err


def parse(template: str) -> Parts:
    """A template, ready to be rendered."""
    whole = Tag(path=".")
    stack = [(whole, whole.parts)]
    *pieces, rest = TAG.split(template)
    for text, tag in zip(pieces[::2], pieces[1::2], strict=True):
        stack[-1][1].append(text)
        _read_tag(tag.strip("{}").strip().strip("~").strip(), stack)
    if len(stack) > 1 or "{{" in rest:
        raise TemplateError(f"A variable or a block {stack[-1][0].kind} is not closed.")
    return [*whole.parts, rest]


def _read_tag(content: str, stack: list[tuple[Tag, Parts]]) -> None:
    """:param stack: the tags that are open, and the parts of each that are being read."""
    (tag, parts), mark, name = stack[-1], content[:1], content[1:].strip()
    if mark == "#":
        kind, _, path = name.partition(" ")
        if kind not in BLOCKS or len(stack) > MAX_DEPTH:
            raise TemplateError(f"The sandbox does not know the block helper '{kind}'.")
        block = Tag(kind=kind, path=path.strip())
        parts.append(block)
        stack.append((block, block.parts))
    elif mark == "/":
        if not name or tag.kind != name:
            raise TemplateError(f"{content} closes a block that is not open.")
        stack.pop()
    elif content == "else" and tag.kind:
        stack[-1] = (tag, tag.otherwise)
    elif mark != "!":
        parts.append(Tag(path=content.lstrip("&").strip()))


def _render(parts: Parts, scopes: list[Scope]) -> str:
    return "".join(part if isinstance(part, str) else _filled(part, scopes) for part in parts)


def _filled(tag: Tag, scopes: list[Scope]) -> str:
    value = _look_up(tag.path, scopes)
    if not tag.kind and value is None:
        raise TemplateError(f"Attribute '{tag.path}' is not present in the rendering data.")
    if not tag.kind:
        return _text(value)
    if bool(value) == (tag.kind == "unless"):
        return _render(tag.otherwise, scopes)
    if tag.kind == "each":
        return "".join(_render(tag.parts, [*scopes, scope]) for scope in _items(value))
    return _render(tag.parts, [*scopes, (value, {})] if tag.kind == "with" else scopes)


def _items(value: Any) -> Iterator[Scope]:
    known = value if isinstance(value, (Mapping, list)) else ()
    pairs = known.items() if isinstance(known, Mapping) else enumerate(known)
    for number, (key, item) in enumerate(pairs):
        last = number + 1 == len(known)
        yield item, {"@index": number, "@key": key, "@first": not number, "@last": last}


def _look_up(path: str, scopes: list[Scope]) -> Any:
    """What a path means: in the innermost scope, ``../`` in the one around it."""
    depth = len(scopes) - 1
    while path.startswith(".."):
        path, depth = path[2:].lstrip("/"), max(depth - 1, 0)
    value, special = scopes[depth]
    if path.startswith("@"):
        return special.get(path)
    for name in re.findall(r"\[[^\]]+\]|[^./]+", path):
        if name != "this":
            value = _child(value, name.strip("[]"))
    return value


def _child(value: Any, name: str) -> Any:
    if isinstance(value, list) and re.fullmatch("[0-9]{1,9}", name):
        return value[int(name)] if int(name) < len(value) else None
    return value.get(name) if isinstance(value, Mapping) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "[object Object]" if isinstance(value, Mapping) else str(value)
