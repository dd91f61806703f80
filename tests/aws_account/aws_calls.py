"""The calls of AWS in the source of the package, found by their names and parameters."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore import xform_name

from ..docs_pages import ROOT

SERVICES = ("ses", "sesv2", "sns", "sqs", "s3", "kms", "sts", "iam", "cloudwatch", "events")
#: Classes of botocore that make calls themselves.
CALLERS = {"AssumeRoleCredentialFetcher": "sts:AssumeRole"}
#: The calls that may be meant: ``ses`` and ``sesv2`` have operations of the same name.
Candidates = frozenset[str]


@functools.cache
def operations() -> dict[str, dict[str, frozenset[str]]]:
    """Python's name of every operation -> ``service:Operation`` -> its parameters."""
    session = botocore.session.get_session()
    found: dict[str, dict[str, frozenset[str]]] = {}
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            shape = model.operation_model(name).input_shape
            members = frozenset(shape.members if shape else ())
            found.setdefault(xform_name(name), {})[f"{service}:{name}"] = members
    return found


def known_calls() -> set[str]:
    """Every call that the installed botocore can make."""
    return {call for calls in operations().values() for call in calls}


def calls_in(folder: str, *, without: tuple[str, ...] = ()) -> dict[Candidates, str]:
    """The calls in the modules of a folder, and where one of each is.

    :param folder: below the root of the repository.
    :param without: folders in it that are left out.
    """
    found: dict[Candidates, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(without):
            for candidates, line in _calls(path):
                found.setdefault(candidates, f"{name}:{line}")
    return found


def _calls(path: Path) -> Iterator[tuple[Candidates, int]]:
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if candidates := frozenset(_candidates(node)):
            yield candidates, getattr(node, "lineno", 0)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all inside of it, but questions about what botocore knows."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "known_parameters"):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _nodes(child)


def _candidates(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and node.id in CALLERS:
        yield CALLERS[node.id]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "_" in node.value:
        yield from operations().get(node.value, ())
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[str]:
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    if (
        len(texts) > 1 and texts[0] in SERVICES
    ):  # ask("sesv2", "GetAccount"), call("sns", "publish")
        found = {f"{texts[0]}:{texts[1]}", *operations().get(str(texts[1]), ())}
        yield from (name for name in found & known_calls() if name.startswith(f"{texts[0]}:"))
    if isinstance(node.func, ast.Attribute) and not node.args:
        given = {keyword.arg for keyword in node.keywords if keyword.arg}
        for name, members in operations().get(node.func.attr, {}).items():
            if given <= members:
                yield name
