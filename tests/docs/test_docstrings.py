"""Everything public has a docstring, and what applications import is in the API reference.

Public is what has no underscore before its name, nor before that of its class or module. Nobody
imports the sandbox and the migrations: they are run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.test import SimpleTestCase

from anymail import testing

from ..test_public_api import NAMES, find

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "anymail"
NOT_IMPORTED = {"sandbox", "migrations"}

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

#: They have no page: the version, what Django finds by itself, and what is of other packages.
NO_REFERENCE = {"anymail", "anymail.apps", "anymail.checks", "anymail.urls"}
NOT_OURS = {"boto3", "BOTO_BASE_ERRORS"}

FIELD = re.compile(r"^\s*:(\w+)(?: +([^:]*))?:(?= |$)", re.MULTILINE)
#: Words for the same fields are written in one way.
FIELDS = {"param", "raises", "return"}


def read_sources() -> dict[str, str]:
    """Each public module's source, by its path."""
    paths = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {
        str(path): (PACKAGE / path).read_text(encoding="utf-8")
        for path in paths
        if not NOT_IMPORTED & set(path.parts) and _is_public_module(path)
    }


def _is_public_module(path: Path) -> bool:
    return not any(
        part.startswith("_") and part != "__init__" for part in path.with_suffix("").parts
    )


def public_objects(source: str, module: str) -> Iterator[tuple[str, Documented]]:
    """Everything in a module that has to have a docstring, with its name.

    An empty module has nothing to tell; so for the ``__init__.py`` of a folder.
    """
    tree = ast.parse(source)
    if tree.body:
        yield module, tree
        yield from _members(tree, module)


def _members(parent: Documented | ast.If, prefix: str) -> Iterator[tuple[str, Documented]]:
    for node in [*parent.body, *getattr(parent, "orelse", [])]:
        if isinstance(node, ast.If):  # TYPE_CHECKING, a version
            yield from _members(node, prefix)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("_"):
                continue
            name = f"{prefix}.{node.name}"
            yield name, node
            if isinstance(node, ast.ClassDef):
                yield from _members(node, name)


def undocumented(source: str, module: str = "m") -> list[str]:
    return [
        name
        for name, node in public_objects(source, module)
        if not (ast.get_docstring(node) or "").strip()
    ]


def wrong_parameters(source: str, module: str = "m") -> list[str]:
    """Each ``:param:`` that is no argument of what it documents."""
    problems = []
    for name, node in public_objects(source, module):
        for field, argument in FIELD.findall(ast.get_docstring(node) or ""):
            if field == "param" and argument not in _arguments(node):
                problems.append(f"{name}: {argument}")
    return problems


def wrong_fields(source: str, module: str = "m") -> list[str]:
    """Each field that has another name elsewhere, or says nothing."""
    problems = []
    for name, node in public_objects(source, module):
        for field, argument in FIELD.findall(ast.get_docstring(node) or ""):
            if field not in FIELDS or (field != "return" and not argument):
                problems.append(f"{name}: {field}")
    return problems


def _arguments(node: Documented) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        spec = node.args
        found = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
        return {argument.arg for argument in found if argument} - {"self"}
    if isinstance(node, ast.ClassDef):
        names = set()
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                names |= _arguments(member)
            elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                names.add(member.target.id)  # a field of a dataclass
        return names
    return set()


def reference(page: str) -> Iterator[str]:
    """The names of what a page describes with autodoc."""
    module = ""
    for directive, name, options in re.findall(
        r"^\.\. (currentmodule|auto\w+):: ([\w.]+).*((?:\n {3,}\S.*)*)", page, re.MULTILINE
    ):
        if directive == "currentmodule":
            module = name
        elif directive == "automodule":
            module = name
            members = re.search(r":members: (.+(?:\n {6}.*)*)", options)
            words = re.findall(r"\w+", members[1]) if members else []
            yield from (f"{name}.{member}" for member in words)
        else:
            yield name if name.startswith("anymail.") else f"{module}.{name}"


class PackageTests(SimpleTestCase):
    """The package as it is."""

    sources: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sources = read_sources()

    def problems(self, check):
        return [problem for path, source in self.sources.items() for problem in check(source, path)]

    def test_there_are_public_modules(self):
        self.assertLessEqual({"signals.py", "amazon_ses/aws.py"}, set(self.sources))
        self.assertGreater(
            sum(len(list(public_objects(s, p))) for p, s in self.sources.items()), 300
        )

    def test_everything_public_has_a_docstring(self):
        self.assertEqual(self.problems(undocumented), [])

    def test_documented_arguments_exist(self):
        self.assertEqual(self.problems(wrong_parameters), [])

    def test_fields_have_one_name_each(self):
        self.assertEqual(self.problems(wrong_fields), [])


class ReferenceTests(SimpleTestCase):
    """The pages in docs/api."""

    def test_what_applications_import_is_described(self):
        pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.rst")]
        described = {name for page in pages for name in reference(page)}
        self.assertGreater(len(described), 50)
        ids = {id(find(name)) for name in described}
        names = {
            f"{module}.{name}"
            for module, found in NAMES.items()
            if module not in NO_REFERENCE
            for name in found.split()
            if name not in NOT_OURS
        }
        names |= {f"anymail.testing.{name}" for name in testing.__all__}
        self.assertEqual(sorted(name for name in names if id(find(name)) not in ids), [])


class CheckerTests(SimpleTestCase):
    """The checks find what they should, on small examples."""

    def test_what_has_no_docstring(self):
        source = '"""M."""\nclass A:\n  def f(self): pass\n  def _g(self): pass\ndef h(): pass'
        self.assertEqual(undocumented(source), ["m.A", "m.A.f", "m.h"])
        self.assertEqual(undocumented("x = 1"), ["m"])
        self.assertEqual(undocumented(""), [])
        self.assertEqual(undocumented('"""M."""\nif x:\n  class A: pass'), ["m.A"])
        self.assertEqual(undocumented('"""M."""\ndef f():\n  """ """'), ["m.f"])
        self.assertEqual(undocumented('"""M."""\nclass _A:\n  def f(self): pass'), [])

    def test_an_argument_that_is_none(self):
        source = '"""M."""\n{}\n    """D.\n\n    :param a: it.\n    :param b: it.\n    """\n'
        for code, wrong in (
            ("def f(a, b):", []),
            ("def f(a, *b):", []),
            ("def f(a, /, *, b=1):", []),
            ("async def f(b, **a):", []),
            ("def f(a):", ["m.f: b"]),
            ("class C:", ["m.C: a", "m.C: b"]),
        ):
            with self.subTest(code=code):
                self.assertEqual(wrong_parameters(source.format(code)), wrong)
        for body, wrong in (
            ("def __init__(self, a, b): pass", []),
            ("a: int\n    b: int", []),
            ("def f(self, a, b):\n        '''D.'''", ["m.C: a", "m.C: b"]),
        ):
            with self.subTest(body=body):
                code = f"{source.format('class C:')}    {body}\n"
                self.assertEqual(wrong_parameters(code), wrong)

    def test_a_field_by_another_name(self):
        source = '"""M."""\ndef f():\n    """D.\n\n    :{}: x\n    """\n'
        self.assertEqual(wrong_fields(source.format("returns")), ["m.f: returns"])
        self.assertEqual(wrong_fields(source.format("raises")), ["m.f: raises"])
        self.assertEqual(wrong_fields(source.format("raises X")), [])
        self.assertEqual(wrong_fields(source.format("return")), [])

    def test_names_in_the_reference(self):
        page = """
.. currentmodule:: anymail.message

.. autoclass:: AnymailMessage(*args)
   :members:

.. autofunction:: anymail.conf.get
.. automodule:: anymail.testing
   :members: a, b,
      c
.. autodata:: D
"""
        found = ["message.AnymailMessage", "conf.get", *(f"testing.{name}" for name in "abcD")]
        self.assertEqual(list(reference(page)), [f"anymail.{name}" for name in found])
