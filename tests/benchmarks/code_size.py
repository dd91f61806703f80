"""How large the code is: ``python -m tests.benchmarks.code_size [CHECKOUT]``.

Files, lines, length and cyclomatic complexity of functions, modules over 200 lines, modules with a
``__getattr__`` and the depth of class trees, for the core and for the sandbox.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
#: What adds a way through a function.
BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.Assert, ast.comprehension)


def main() -> None:
    package = Path(*sys.argv[1:2] or [ROOT]) / "anymail"
    paths = [path for path in package.rglob("*.py") if "migrations" not in path.parts]
    rooms = {
        "core": [path for path in paths if "sandbox" not in path.parts],
        "sandbox": [path for path in paths if "sandbox" in path.parts],
    }
    for room, found in rooms.items():
        print(f"{room}: {', '.join(describe([path for path in found if path.stat().st_size]))}")
    pages = [p for p in package.rglob("*") if p.suffix in {".html", ".css", ".js", ".svg", ".txt"}]
    print(f"templates, CSS and JavaScript: {sum(map(lines, pages)):,} lines")
    print(f"at the top: {len(list(package.glob('*.py')))} files")


def describe(paths: list[Path]) -> Iterator[str]:
    modules = [ast.parse(path.read_text("utf-8")) for path in paths]
    functions = [
        node for module in modules for node in ast.walk(module) if isinstance(node, Function)
    ]
    yield f"{len(paths)} files, {sum(map(lines, paths)):,} lines"
    yield f"function length {percentiles(length(function) for function in functions)}"
    yield f"complexity {percentiles(complexity(function) for function in functions)}"
    yield f"{sum(lines(path) > 200 for path in paths)} modules over 200 lines"
    hooks = [node for module in modules for node in module.body if is_getattr(node)]
    yield f"{len(hooks)} module __getattr__"
    yield f"class depth {max(depths(modules), default=0)}"


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def length(function: Function) -> int:
    """Lines, without decorators."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def complexity(function: Function) -> int:
    """McCabe's number: the branches, each part of a condition counted, plus one."""
    nodes = list(ast.walk(function))
    branches = sum(isinstance(node, BRANCHES) for node in nodes)
    return 1 + branches + sum(len(n.values) - 1 for n in nodes if isinstance(n, ast.BoolOp))


def is_getattr(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__getattr__"


def depths(modules: Iterable[ast.Module]) -> Iterator[int]:
    """How many classes of ours stand in a row, by their names."""
    bases = {
        node.name: [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                    for base in node.bases]
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }  # fmt: skip

    def depth(name: str, seen: frozenset[str] = frozenset()) -> int:
        if name not in bases or name in seen:
            return 0
        return 1 + max((depth(base, seen | {name}) for base in bases[name]), default=0)

    yield from map(depth, bases)


def percentiles(values: Iterable[int]) -> str:
    ordered = sorted(values)
    ninety = ordered[int(len(ordered) * 0.9)]
    return f"median {statistics.median(ordered):g}, p90 {ninety}, max {ordered[-1]}"


if __name__ == "__main__":
    main()
