"""docs/troubleshooting.rst explains every text with which this package fails, warns or logs.

Those of the sandbox are in docs/sandbox.rst.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.test import SimpleTestCase

from anymail.aws_account.doctor.checks import CHECKS
from anymail.sandbox.webhooks import NO_SITE, NO_WEBHOOKS

from ..docs_pages import DOCS, ROOT, Table, literals, tables

PACKAGE = ROOT / "anymail"
PAGE = DOCS / "troubleshooting.rst"
SANDBOX_PAGE = DOCS / "sandbox.rst"
#: The sandbox's own errors. Its ApiErrors are Amazon's: callers look them up there.
SANDBOX_ERRORS = {"SandboxError"}
#: Stands for what differs from case to case, in the page and here.
ANY = "…"
#: Where the texts of the page are cut off, at least so much must be left.
MIN_PREFIX = 12

#: The names of what is raised, returned to be raised, or reported.
ERROR = re.compile(
    r"(?:[A-Z]\w*)?(?:Error|Warning|Failure|Refused|Address|Conflict|Feature|Mail)|Info|UnprovenRequest"
    r"|CannotTake|DoesNotExist|LostAttachment|NewerVersion|UnreadableContent"
)
LOG = {"warning", "error", "exception", "critical", "log"}
#: Functions that make an error of their argument -> how the text goes on around it.
MAKERS = {
    "unsupported": "Amazon SES does not support {}",
    "unavailable": "The SNS signing certificate … cannot be fetched: {}",
    "_refused": "The encrypted S3 object is refused: {}.",
    "_refuse_confirmation": "The subscription to the SNS topic … was not confirmed. {}",
    "wrong_type": "… must be {}, not ….",
    "wrong_number": "… must be {}, not ….",
    "bad_header": "{}",
    "api_errors": "{}: …",
    "_api_errors": "{} the S3 object …: …",
    "_sqs_errors": "{} the SQS queue …: …",
}
#: Which argument of those it is, if not the first.
ARGUMENT = {"unavailable": 1, "_refuse_confirmation": 2, "wrong_type": 1, "wrong_number": 1}
#: Dicts of texts, by the end of their name -> the same.
DICTS = {"WORDING": "Amazon SES does not support {}"}
#: What is raised with the text of another error, or with one that its class has.
COMPOSED = {
    "_newer",
    "_refusal",
    "nested_too_deep",
    "_unreadable",
    "NoAnswer",
    "Unanswered",
    "_unanswered",
    "_unusable",
    "raw_delivery_refused",
    "AnymailImproperlyInstalled",
    "ImproperlyConfigured",
}
#: Texts that are part of others, or that no user of this package meets -> why.
NOT_EXPLAINED = {
    "module … has no attribute …": "Python's own words for a misspelt import",
    "… does not support …": "composed of what is listed",
    "…:… failed: …": "Amazon's own words, which the doctor prints with what to do",
    "… must be …, not ….": "composed of what is listed",
    "Amazon SES does not support …": "composed of what is listed",
    "The subscription to the SNS topic … was not confirmed. …": "composed of what is listed",
    "The subscription to the SNS topic … was not confirmed. … If it is yours, it can be confirmed "
    "by hand: the token is logged at DEBUG.": "the same, as it is logged",
    "expected one certificate, found …": "follows 'is not a valid certificate:'",
    "its key is not an RSA key": "follows 'is not a valid certificate:'",
    "The encrypted S3 object is refused: ….": "composed of what is listed",
}


@dataclass(frozen=True)
class Text:
    """A text in the source, with ``ANY`` for what is filled in."""

    where: str
    text: str

    def is_covered_by(self, entry: str) -> bool:
        """Whether an entry of the page has it: the whole, the beginning, or with its own words in
        the place of the first gap."""
        start = entry.removesuffix(ANY)
        if self.text == entry or (_size(start) >= MIN_PREFIX and self.text.startswith(start)):
            return True
        return self.text.startswith(ANY) and self.can_say(entry)

    def can_say(self, entry: str) -> bool:
        """Whether an entry of the page is this text with some of the gaps filled in."""
        pattern = ".*".join(map(re.escape, self.text.split(ANY)))
        return _size(self.text) >= MIN_PREFIX and re.fullmatch(pattern, entry) is not None


def _size(text: str) -> int:
    return len(text.replace(ANY, "").strip())


def literal(node: ast.expr) -> str:
    """A string expression, with ``ANY`` for everything that is not literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[srd]|%\.\d+f", ANY, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left) + literal(node.right)
    return ANY


def callee(node: ast.Call) -> tuple[str, str]:
    """``logger`` and ``warning`` for ``logger.warning(…)``; the first empty for a bare name."""
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return owner.id if isinstance(owner, ast.Name) else "", node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def text_of(node: ast.Call) -> str | None:
    """The text of the error that a call makes, or of what it logs; None for any other call."""
    owner, name = callee(node)
    if owner == "logger":
        number, frame = int(name == "log"), "{}"
        if name not in LOG:
            return None
    elif name in MAKERS:
        number, frame = ARGUMENT.get(name, 0), MAKERS[name]
    elif ERROR.fullmatch(name) or (owner, name) == ("warnings", "warn"):
        number, frame = 0, "{}"
    else:
        return None
    if len(node.args) <= number:
        return ANY
    return frame.replace("{}", literal(node.args[number]))


def files() -> Iterator[Path]:
    """All but the sandbox, and but the doctor's checks, which say themselves what to do."""
    others = (PACKAGE / "sandbox", PACKAGE / "aws_account/doctor/checks")
    for path in sorted(PACKAGE.rglob("*.py")):
        if not any(path.is_relative_to(other) for other in others):
            yield path


def texts() -> Iterator[Text]:
    """Everything that can be said, as far as it is literal."""
    for path in files():
        name = str(path.relative_to(PACKAGE))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for line, text in _texts_of(node, name):
                if re.search(r"\w", text):
                    joined = " ".join(text.split()).replace(f"{ANY}.{ANY}", ANY)  # module.Class
                    yield Text(f"{name}:{line}", joined)


def _texts_of(node: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call):
        if text := text_of(node):
            yield node.lineno, text
        elif name == "exceptions/__init__.py" and callee(node)[1] == "__init__":
            for part in node.args:
                for value in [part] if isinstance(part, ast.JoinedStr) else ast.walk(part):
                    if isinstance(value, (ast.Constant, ast.JoinedStr)) and " " in literal(value):
                        yield value.lineno, literal(value)
    elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name):
        if target.id in ("text", "message") and literal(node.value).count(" ") > 2:
            yield node.lineno, literal(node.value)
        for end, frame in DICTS.items():
            if target.id.endswith(end) and isinstance(node.value, ast.Dict):
                for value in node.value.values:
                    yield value.lineno, frame.replace("{}", literal(value))


def sandbox_texts() -> Iterator[Text]:
    """The sandbox's own errors, and what it says of a project."""
    for text in (NO_SITE, NO_WEBHOOKS):
        yield Text("sandbox/webhooks.py", text)
    for path in sorted((PACKAGE / "sandbox").rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and callee(node)[1] in SANDBOX_ERRORS:
                yield Text(f"{name}:{node.lineno}", literal(node.args[0]))


def sandbox_entries() -> list[str]:
    """The texts that the page of the sandbox explains."""
    found = (table for table in tables(SANDBOX_PAGE) if table.header[0] == "You see")
    return [text for table in found for row in table.rows for text in literals(row[0])]


def doctor_tables() -> list[Table]:
    """Those of the doctor's checks, one for each group."""
    pages = sorted(DOCS.glob("_doctor_*.inc"))
    return [table for page in pages for table in tables(page) if table.header[0] == "Check"]


def entries() -> list[str]:
    """The texts that the page explains."""
    checks, *others = (table for table in tables(PAGE) if table.header[0] in ("Id", "You see"))
    cells = [row[1] for row in checks.rows] + [row[0] for table in others for row in table.rows]
    return [text for cell in cells for text in literals(cell)]


class TroubleshootingTests(SimpleTestCase):
    def test_every_text_is_explained(self):
        known = entries()
        missing = [
            f"{text.where}: {text.text}"
            for text in texts()
            if text.text not in NOT_EXPLAINED and not any(map(text.is_covered_by, known))
        ]
        self.assertEqual(missing, [])

    def test_every_explained_text_exists(self):
        said = list(texts())
        stale = [
            entry
            for entry in entries()
            if not any(text.is_covered_by(entry) or text.can_say(entry) for text in said)
        ]
        self.assertEqual(stale, [])

    def test_what_needs_no_explanation_exists(self):
        self.assertEqual(sorted(NOT_EXPLAINED.keys() - {text.text for text in texts()}), [])

    def test_every_raise_is_understood(self):
        """Or a new way to make an error would go unseen."""
        for path in files():
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    name = callee(node.exc)[1]
                    where = f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
                    self.assertTrue(text_of(node.exc) or name in COMPOSED, where)

    def test_a_new_text_would_be_missed(self):
        new = Text("x.py:1", "The squirrel … is not in its tree.")
        self.assertFalse(any(map(new.is_covered_by, entries())))
        for call in ("ValueError('The squirrel is away.')", "logger.warning('%s is away', tree)"):
            [node] = [n for n in ast.walk(ast.parse(call)) if isinstance(n, ast.Call)]
            self.assertIn("is away", str(text_of(node)))


class DoctorTests(SimpleTestCase):
    def test_every_check_is_documented(self):
        rows = [row for table in doctor_tables() for row in table.rows]
        documented = [literals(row[0])[0] for row in rows]
        self.assertEqual(sorted(documented), [check.id for check in CHECKS])


class SandboxErrorTests(SimpleTestCase):
    def test_every_error_of_the_sandbox_is_explained(self):
        known = sandbox_entries()
        missing = [
            f"{text.where}: {text.text}"
            for text in sandbox_texts()
            if not any(map(text.is_covered_by, known))
        ]
        self.assertEqual(missing, [])

    def test_every_explained_error_exists(self):
        said = list(sandbox_texts())
        stale = [
            entry
            for entry in sandbox_entries()
            if not any(text.is_covered_by(entry) or text.can_say(entry) for text in said)
        ]
        self.assertEqual(stale, [])

    def test_a_new_error_would_be_missed(self):
        new = Text("x.py:1", "The squirrel … is not in its tree.")
        self.assertFalse(any(map(new.is_covered_by, sandbox_entries())))
