"""The part of Handlebars that SES's templates are usually written in.

Variables with paths, ``#if``, ``#unless``, ``#each``, ``#with``, ``else``, comments; no partials
and no helpers. SES does not escape values for HTML (Amazon SES Developer Guide, "Advanced
personalization").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TAG = re.compile(r"\{\{!--.*?--\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}", re.DOTALL)
PATH = re.compile(r"(?:@?[\w-]+|\.\.?|\[[^\]]+\])(?:[./](?:[\w-]+|\.\.|\[[^\]]+\]))*")
#: Nobody writes deeper ones.
MAX_DEPTH = 50


class TemplateError(Exception):
    """A template is not well formed, or needs what the data does not have."""


@dataclass(kw_only=True)
class Block:
    """``{{#kind path}} … {{else}} … {{/kind}}``; the whole template is one without a kind.

    :param parts: literal text; a variable as a one-tuple; a block.
    """

    kind: str = ""
    path: str = ""
    parts: list[str | tuple[str] | Block] = field(default_factory=list)
    otherwise: list[str | tuple[str] | Block] | None = None


def render(template: str, data: Mapping[str, Any], *, blocks: bool = True) -> str:
    """A template with its data.

    :param blocks: False for templates that only have variables.
    :raises TemplateError: it is not well formed, or a variable has no value.
    """
    found = parse(template)
    if not blocks and any(isinstance(part, Block) for part in found.parts):
        raise TemplateError("This template may only have variables, no blocks.")
    try:
        return "".join(_render(found.parts, [data]))
    except RecursionError as err:
        raise TemplateError("The data is nested too deeply.") from err


def parse(template: str) -> Block:
    """A template, ready to be rendered.

    :raises TemplateError: it is not well formed.
    """
    stack, position = [Block()], 0
    for found in TAG.finditer(template):
        _open(stack).append(template[position : found.start()])
        position = found.end()
        _read_tag(found[0], stack)
    if len(stack) > 1:
        raise TemplateError(f"The block {stack[-1].kind} is not closed.")
    rest = template[position:]
    if "{{" in rest:
        raise TemplateError("A variable is not closed.")
    _open(stack).append(rest)
    return stack[0]


def _read_tag(tag: str, stack: list[Block]) -> None:
    content = tag.strip("{}").strip().strip("~").strip()
    if content.startswith("!"):
        return
    if content.startswith("#"):
        kind, _, path = content[1:].strip().partition(" ")
        if kind not in BLOCKS or len(stack) > MAX_DEPTH:
            raise TemplateError(f"The sandbox does not know the block helper '{kind}'.")
        block = Block(kind=kind, path=_checked(path.strip()))
        _open(stack).append(block)
        stack.append(block)
    elif content.startswith("/"):
        if stack[-1].kind != content[1:].strip():
            raise TemplateError(f"{content} closes a block that is not open.")
        stack.pop()
    elif content == "else" and len(stack) > 1 and stack[-1].otherwise is None:
        stack[-1].otherwise = []
    else:
        _open(stack).append((_checked(content.lstrip("&").strip()),))


def _open(stack: list[Block]) -> list[str | tuple[str] | Block]:
    block = stack[-1]
    return block.parts if block.otherwise is None else block.otherwise


def _checked(path: str) -> str:
    if not PATH.fullmatch(path):
        raise TemplateError(f"The sandbox does not understand '{path}' in a template.")
    return path


def _render(parts: Sequence[str | tuple[str] | Block], scopes: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Block):
            yield from BLOCKS[part.kind](part, _look_up(part.path, scopes), scopes)
        else:
            value = _look_up(part[0], scopes)
            if value is None:
                raise TemplateError(f"Attribute '{part[0]}' is not present in the rendering data.")
            yield _text(value)


def _if(block: Block, value: Any, scopes: list[Any]) -> Iterator[str]:
    return _render(block.parts if value else block.otherwise or (), scopes)


def _unless(block: Block, value: Any, scopes: list[Any]) -> Iterator[str]:
    return _render(block.otherwise or () if value else block.parts, scopes)


def _with(block: Block, value: Any, scopes: list[Any]) -> Iterator[str]:
    return (
        _render(block.parts, [*scopes, value]) if value else _render(block.otherwise or (), scopes)
    )


def _each(block: Block, value: Any, scopes: list[Any]) -> Iterator[str]:
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    if not value:
        yield from _render(block.otherwise or (), scopes)
    for number, (key, item) in enumerate(items):
        special = {
            "@index": number,
            "@key": key,
            "@first": not number,
            "@last": number + 1 == len(value),
        }
        yield from _render(block.parts, [*scopes, _Item(item, special)])


@dataclass(frozen=True)
class _Item:
    value: Any
    special: Mapping[str, Any]


BLOCKS: Mapping[str, Callable[[Block, Any, list[Any]], Iterator[str]]] = {
    "if": _if,
    "unless": _unless,
    "each": _each,
    "with": _with,
}


def _look_up(path: str, scopes: list[Any]) -> Any:
    """What a path means: in the innermost scope, ``../`` in the one around it."""
    depth = len(scopes) - 1
    while path.startswith(".."):
        path, depth = path[2:].lstrip("/"), max(depth - 1, 0)
    scope = scopes[depth]
    if isinstance(scope, _Item):
        if path.startswith("@"):
            return scope.special.get(path)
        scope = scope.value
    for name in re.findall(r"\[[^\]]+\]|[^./]+", path):
        if name == "this":
            continue
        scope = _child(scope, name.strip("[]"))
    return scope


def _child(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and name.isascii() and name.isdigit():
        return value[int(name)] if len(name) < 10 and int(name) < len(value) else None
    return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "[object Object]" if isinstance(value, Mapping) else str(value)
