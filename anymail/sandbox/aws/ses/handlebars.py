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

TAG = re.compile(r"(\{\{!--.*?--\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\})", re.DOTALL)
PATH = re.compile(r"(?:@?[\w-]+|\.\.?|\[[^\]]+\])(?:[./](?:[\w-]+|\.\.|\[[^\]]+\]))*")
BLOCKS = frozenset({"if", "unless", "each", "with"})
#: Nobody writes deeper ones.
MAX_DEPTH = 50


class TemplateError(Exception):
    """A template is not well formed, or needs what the data does not have."""


@dataclass(kw_only=True)
class Block:
    """``{{#kind path}} … {{else}} … {{/kind}}``; the whole template is one without a kind.

    :param parts: literal text; a variable as a one-tuple; a block.
    :param otherwise: the parts after ``{{else}}``.
    """

    kind: str = ""
    path: str = ""
    parts: list[str | tuple[str] | Block] = field(default_factory=list)
    otherwise: list[str | tuple[str] | Block] | None = None

    def add(self, part: str | tuple[str] | Block) -> None:
        (self.parts if self.otherwise is None else self.otherwise).append(part)


def render(template: str, data: Mapping[str, Any], *, blocks: bool = True) -> str:
    """Fill in a template.

    :param blocks: False for templates that only have variables.
    :raises TemplateError: it is not well formed, or a variable has no value.
    """
    found = parse(template)
    if not blocks and any(isinstance(part, Block) for part in found.parts):
        raise TemplateError("This template may only have variables, no blocks.")
    try:
        return "".join(_render(found.parts, [(data, {})]))
    except RecursionError as err:
        raise TemplateError("The data is nested too deeply.") from err


def parse(template: str) -> Block:
    """A template, ready to be rendered.

    :raises TemplateError: it is not well formed.
    """
    stack = [Block()]
    *pieces, rest = TAG.split(template)
    for text, tag in zip(pieces[::2], pieces[1::2], strict=True):
        stack[-1].add(text)
        _read_tag(tag.strip("{}").strip().strip("~").strip(), stack)
    if len(stack) > 1 or "{{" in rest:
        raise TemplateError(f"A variable or a block {stack[-1].kind} is not closed.")
    stack[0].add(rest)
    return stack[0]


def _read_tag(content: str, stack: list[Block]) -> None:
    block, mark, name = stack[-1], content[:1], content[1:].strip()
    if mark == "#":
        kind, _, path = name.partition(" ")
        if kind not in BLOCKS or len(stack) > MAX_DEPTH:
            raise TemplateError(f"The sandbox does not know the block helper '{kind}'.")
        stack.append(Block(kind=kind, path=_checked(path.strip())))
        block.add(stack[-1])
    elif mark == "/":
        if not name or block.kind != name:
            raise TemplateError(f"{content} closes a block that is not open.")
        stack.pop()
    elif content == "else" and block.kind and block.otherwise is None:
        block.otherwise = []
    elif mark != "!":
        block.add((_checked(content.lstrip("&").strip()),))


def _checked(path: str) -> str:
    if not PATH.fullmatch(path):
        raise TemplateError(f"The sandbox does not understand '{path}' in a template.")
    return path


#: A value, and what ``@index`` and the like are in it.
Scope = tuple[Any, Mapping[str, Any]]


def _render(parts: list[str | tuple[str] | Block], scopes: list[Scope]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Block):
            yield from _render_block(part, _look_up(part.path, scopes), scopes)
        else:
            value = _look_up(part[0], scopes)
            if value is None:
                raise TemplateError(f"Attribute '{part[0]}' is not present in the rendering data.")
            yield _text(value)


def _render_block(block: Block, value: Any, scopes: list[Scope]) -> Iterator[str]:
    if bool(value) == (block.kind == "unless"):
        yield from _render(block.otherwise or [], scopes)
    elif block.kind == "each":
        for scope in _items(value):
            yield from _render(block.parts, [*scopes, scope])
    else:
        yield from _render(block.parts, [*scopes, (value, {})] if block.kind == "with" else scopes)


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
