"""Imports point down, names have one owner, functions and class trees stay small.

``docs/architecture.rst`` draws the picture; this file makes it a rule. Adding a module means adding
its name here, which is the moment to think about where it belongs.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from django.test import SimpleTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "anymail"

#: A module may import from its own layer or from lower ones.
LAYERS: dict[str, int] = {
    name: layer
    for layer, names in {
        0: """
            anymail anymail.conf anymail.conf.aws_values anymail.conf.base anymail.conf.current
            anymail.conf.groups anymail.conf.lookup anymail.conf.reserve anymail.conf.values
            anymail.exceptions
            anymail.exceptions.requests_error anymail.exceptions.tracebacks anymail.installation
            anymail.processes anymail.processes.health anymail.processes.options
            anymail.processes.progress anymail.processes.progress_bar anymail.processes.stopping
            anymail.processes.questions anymail.processes.wording
        """,
        1: """
            anymail.addresses anymail.addresses.keys anymail.addresses.parser anymail.inbound
            anymail.addresses.address anymail.addresses.idna_encoders
            anymail.inbound.construct anymail.inbound.encodings
            anymail.inbound.headers anymail.inbound.limits anymail.inbound.parameters
            anymail.inbound.parser anymail.inbound.parts anymail.inbound.text anymail.inbound.writer
            anymail.inbound.chunks anymail.inbound.containers anymail.inbound.forgiving
            anymail.inbound.header_block anymail.inbound.message anymail.inbound.source
            anymail.database anymail.database.columns
            anymail.message anymail.message.inline_images anymail.message.message
            anymail.message.status anymail.mime anymail.mime.charsets anymail.mime.encoded_words
            anymail.mime.headers anymail.signals
        """,
        2: """
            anymail.attachments anymail.attributes anymail.attributes.merging
            anymail.attributes.outbox anymail.attributes.reader anymail.calls
            anymail.mime.attachments anymail.mime.policy anymail.mime.seven_bit anymail.mime.sizes
            anymail.mime.streaming anymail.outgoing
        """,
        3: """
            anymail.amazon_ses anymail.amazon_ses.api_v1 anymail.amazon_ses.api_v2
            anymail.amazon_ses.aws anymail.amazon_ses.aws_errors anymail.amazon_ses.boto_errors
            anymail.amazon_ses.certificates
            anymail.amazon_ses.client_cache anymail.amazon_ses.configuration_overrides
            anymail.amazon_ses.decryption anymail.amazon_ses.newer_parameters
            anymail.amazon_ses.tenants
            anymail.amazon_ses.delivery anymail.amazon_ses.error_codes anymail.amazon_ses.feedback
            anymail.amazon_ses.error_meanings anymail.amazon_ses.masking
            anymail.amazon_ses.https anymail.amazon_ses.timeouts anymail.amazon_ses.inbound
            anymail.amazon_ses.installed_botocore
            anymail.amazon_ses.message_tags anymail.amazon_ses.mime
            anymail.amazon_ses.notifications anymail.amazon_ses.pacing
            anymail.amazon_ses.process_local anymail.amazon_ses.quota anymail.amazon_ses.raw_calls
            anymail.amazon_ses.receive anymail.amazon_ses.repeated_calls
            anymail.amazon_ses.request_bodies anymail.amazon_ses.sns
            anymail.amazon_ses.sqs
            anymail.amazon_ses.storage anymail.amazon_ses.tags_and_metadata
            anymail.amazon_ses.template_calls anymail.amazon_ses.template_content
            anymail.amazon_ses.timestamps anymail.amazon_ses.tracking anymail.amazon_ses.trust
            anymail.amazon_ses.encoded_addresses anymail.amazon_ses.untrusted_json
            anymail.amazon_ses.x509 anymail.amazon_ses.arns anymail.amazon_ses.host_slots
            anymail.amazon_ses.roles anymail.amazon_ses.insights anymail.amazon_ses.shared_rate
            anymail.amazon_ses.aws_lambda anymail.amazon_ses.carriers
            anymail.amazon_ses.connections anymail.amazon_ses.queued
        """,
        4: """
            anymail.backends anymail.backends.amazon_ses anymail.backends.amazon_sesv1
            anymail.backends.amazon_sesv2 anymail.backends.base anymail.backends.batch
            anymail.backends.compat
            anymail.backends.console anymail.backends.statuses anymail.backends.test
            anymail.webhooks anymail.webhooks.amazon_ses anymail.webhooks.base
            anymail.webhooks.credentials
        """,
        5: """
            anymail.forms anymail.validators anymail.checks.validators
            anymail.apps anymail.checks anymail.checks.apis anymail.checks.mailers
            anymail.checks.deployment
            anymail.checks.leftover_settings anymail.checks.queues
            anymail.checks.sending anymail.checks.settings anymail.checks.unknown_settings
            anymail.admin_lists anymail.admin_lists.changelist anymail.admin_lists.details
            anymail.admin_lists.exporting
            anymail.amazon_ses.suppression_list
            anymail.checks.webhooks anymail.models anymail.probes
            anymail.database.inserting anymail.database.old_tables
            anymail.database.operations anymail.database.pruning anymail.suppressions
            anymail.testing anymail.testing.ses anymail.testing.sns anymail.urls anymail.utils
            anymail.testing.events anymail.testing.requests anymail.testing.conditions
            anymail.testing.sent anymail.testing.boxes
        """,
    }.items()
    for name in names.split()
}
#: Whole folders of layer 5. Deleting one breaks nothing outside of it.
OPTIONAL_FOLDERS = (
    "anymail.aws_account",
    "anymail.consumer",
    "anymail.feedback",
    "anymail.management",
    "anymail.outage",
    "anymail.outbox",
    "anymail.sandbox",
)
#: Modules that go with one of those, where Django or the documentation wants them.
DOORS = {
    "anymail.backends.outbox": "anymail.outbox",
    "anymail.testing.stored": "anymail.outbox",
}

#: The sandbox has layers of its own, by the longest name that a module begins with. The page reads
#: what AWS writes into the journal, and gets everything else of AWS from who starts it.
SANDBOX_LAYERS: dict[str, int] = {
    f"anymail.sandbox{name}": layer
    for layer, names in {
        0: ". .journal .request_handler .samples .servers",
        1: """
            .aws. .aws.api .aws.defaults .aws.dns .aws.faults .aws.headers .aws.identities
            .aws.moto_state .aws.queues .aws.schedule .aws.suppression
        """,
        2: ".aws.sns",
        3: ".aws.events",
        4: ".aws.receive .aws.ses",
        5: ".aws",
        6: "",
    }.items()
    for name in names.split() or [""]
}
PAGE = "anymail.sandbox.page"

#: What may use them all the same: the sandbox shows everything, and a command starts what it is
#: named after.
SHOWROOMS = ("anymail.management", "anymail.sandbox")

#: Modules of layer 3 that touch the network. ``receive``, ``queued`` and ``aws_lambda`` join them
#: with the pure ones.
NETWORK = frozenset(
    f"anymail.amazon_ses.{name}"
    for name in [
        "aws",
        "aws_errors",
        "certificates",
        "delivery",
        "https",
        "insights",
        "quota",
        "repeated_calls",
        "roles",
        "sqs",
        "storage",
    ]
)
MAY_USE_NETWORK = NETWORK | {
    f"anymail.amazon_ses.{name}" for name in ("receive", "queued", "aws_lambda")
}

#: Who may import a foreign package, even inside of a function.
OWNERS: dict[str, tuple[str, ...]] = {
    # It need not be installed, nor do apps that are not.
    "django.contrib.admin": (
        "anymail.admin_lists",
        "anymail.feedback.admin",
        "anymail.feedback.lifting",
        "anymail.feedback.list_admin",
        "anymail.outbox.admin",
        "anymail.outbox.batch_admin",
        "anymail.outbox.entry_admin",
        "anymail.outbox.entry_filters",
        "anymail.outbox.history.address_page",
        "anymail.outbox.page_context",
        "anymail.outbox.pause_admin",
        "anymail.outbox.search_links",
        "anymail.sandbox",
    ),
    "anymail.admin_lists": (
        "anymail.admin_lists",
        "anymail.feedback.admin",
        "anymail.feedback.list_admin",
        "anymail.feedback.table",
        "anymail.outbox.account",
        "anymail.outbox.batch_admin",
        "anymail.outbox.entry_admin",
        "anymail.outbox.entry_filters",
        "anymail.outbox.history.table",
        "anymail.outbox.page_context",
        "anymail.outbox.page_admin",
        "anymail.outbox.pause_admin",
    ),
    "django.conf": ("anymail.conf", "anymail.sandbox"),
    "boto3": ("anymail.amazon_ses.aws", "anymail.amazon_ses.storage", "anymail.sandbox"),
    "botocore": (
        "anymail.amazon_ses.aws",
        "anymail.amazon_ses.aws_errors",
        "anymail.amazon_ses.boto_errors",
        "anymail.amazon_ses.installed_botocore",
        "anymail.amazon_ses.roles",
        "anymail.amazon_ses.storage",
        "anymail.sandbox",
    ),
}

MAX_LINES = 50
MAX_DEPTH = 2
#: Classes with more than two of our own in a row, and why.
DEEPER = {
    "anymail.backends.amazon_sesv1.EmailBackend": "one class attribute says which API it is",
    "anymail.backends.amazon_sesv2.EmailBackend": "likewise",
    "anymail.exceptions.requests_error.AnymailRequestsAPIError": "applications catch these bases",
    "anymail.amazon_ses.boto_errors.AnymailBotoClientAPIError": "applications catch these bases",
    "anymail.feedback.models.Bounce": "django-bouncy's Feedback is not the base of every table",
    "anymail.feedback.models.Complaint": "likewise",
    "anymail.feedback.models.Delivery": "likewise",
    "anymail.webhooks.base.UnprovenRequest": "a validation failure that is logged as a warning",
    "anymail.webhooks.base.AnymailBaseWebhookView": "applications subclass each of these views",
    "anymail.webhooks.amazon_ses.AmazonSESBaseWebhookView": "likewise",
    "anymail.webhooks.amazon_ses.AmazonSESTrackingWebhookView": "likewise",
    "anymail.webhooks.amazon_ses.AmazonSESInboundWebhookView": "likewise",
    "anymail.webhooks.amazon_ses.AmazonSESWebhookView": "the same base, for both",
}

CATCH_ALL_NAMES = {"common", "helpers", "misc", "tools", "util", "utils"}
TOP_LEVEL = {
    "CHANGELOG.rst",
    "LICENSE",
    "README.rst",
    "anymail",
    "docs",
    "pyproject.toml",
    "runtests.py",
    "tests",
}

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Import:
    """``names``: what may be meant: ``from a import b`` is the module a.b, or the module a."""

    names: tuple[str, ...]
    type_only: bool


def read_sources() -> dict[str, str]:
    """Every module of the package, by its dotted name."""
    sources = {}
    for path in PACKAGE.rglob("*.py"):
        if "migrations" not in path.parts:
            parts = path.relative_to(ROOT).with_suffix("").parts
            sources[".".join(parts).removesuffix(".__init__")] = path.read_text("utf-8")
    return sources


def imports_of(module: str, sources: Sources) -> Iterator[Import]:
    """Every import of a module, those inside of functions and blocks too."""
    # "from . import x" means another thing in a package than in a module.
    is_package = any(name.startswith(module + ".") for name in {*LAYERS, *sources})
    yield from _imports(ast.parse(sources[module]), module, is_package, type_only=False)


def _imports(tree: ast.AST, module: str, is_package: bool, type_only: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import((alias.name,), type_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = _resolved(node, module, is_package)
            for alias in node.names:
                yield Import((f"{package}.{alias.name}", package), type_only)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _imports(ast.Module(node.body, []), module, is_package, True)
            yield from _imports(ast.Module(node.orelse, []), module, is_package, type_only)
        else:
            yield from _imports(node, module, is_package, type_only)


def _resolved(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def layer_of(module: str) -> int | None:
    if is_in(module, OPTIONAL_FOLDERS) or module in DOORS:
        return 5
    return LAYERS.get(module)


def is_in(module: str, folders: tuple[str, ...]) -> bool:
    return any(module == folder or module.startswith(folder + ".") for folder in folders)


def own_target(found: Import) -> str | None:
    """The module of ours that is imported, or None."""
    ours = [name for name in found.names if name == "anymail" or name.startswith("anymail.")]
    return next((name for name in ours if layer_of(name) is not None), ours[-1] if ours else None)


def unlisted_modules(sources: Sources) -> list[str]:
    return sorted(module for module in sources if layer_of(module) is None)


def upward_imports(sources: Sources) -> list[str]:
    """Imports of a higher layer; only for types they are allowed."""
    problems = []
    for module in sources:
        for found in imports_of(module, sources):
            target = own_target(found)
            if target is None or found.type_only:
                continue
            own, other = layer_of(module), layer_of(target)
            if own is None or other is None or other > own:
                problems.append(f"{module} imports {target}")
    return sorted(problems)


def imports_of_optional_folders(sources: Sources) -> list[str]:
    """Imports of an optional folder from outside of it."""
    return sorted(
        f"{module} imports {target}"
        for module in sources
        for found in imports_of(module, sources)
        if (target := own_target(found))
        for folder in OPTIONAL_FOLDERS
        if is_in(target, (folder,)) and not is_in(DOORS.get(module, module), (folder, *SHOWROOMS))
    )


def runtime_imports(sources: Sources, folder: str) -> dict[str, set[str]]:
    """The modules of a folder, and which of them each imports when it runs."""
    modules = {name for name in sources if is_in(name, (folder,))}
    graph = {}
    for module in modules:
        named = (
            next((name for name in found.names if name in modules), None)
            for found in imports_of(module, sources)
            if not found.type_only
        )
        graph[module] = {target for target in named if target not in (None, module)}
    return graph


def sandbox_layer(module: str) -> int:
    dotted = f"{module}." if module in ("anymail.sandbox", "anymail.sandbox.aws") else module
    return SANDBOX_LAYERS[max((n for n in SANDBOX_LAYERS if is_in(dotted, (n,))), key=len)]


def sandbox_upward_imports(sources: Sources) -> list[str]:
    """Imports of a higher layer of the sandbox; by the page, of anything but the journal's."""
    problems = []
    for module, targets in runtime_imports(sources, "anymail.sandbox").items():
        is_page = is_in(module, (PAGE,))
        for target in targets:
            allowed = 0 if is_page and not is_in(target, (PAGE,)) else sandbox_layer(module)
            if sandbox_layer(target) > allowed:
                problems.append(f"{module} imports {target}")
    return sorted(problems)


def network_imports(sources: Sources) -> list[str]:
    """Imports of a network module by one of the pure modules of layer 3."""
    return sorted(
        f"{module} imports {target}"
        for module in sources
        if layer_of(module) == 3 and module not in MAY_USE_NETWORK
        for found in imports_of(module, sources)
        if not found.type_only and (target := own_target(found)) in NETWORK
    )


def stray_imports(sources: Sources) -> list[str]:
    """Imports of a foreign package by somebody who does not own it."""
    return sorted(
        f"{module} imports {foreign}"
        for module in sources
        for found in imports_of(module, sources)
        for foreign, owners in OWNERS.items()
        if not found.type_only
        and any(is_in(name, (foreign,)) for name in found.names)
        and not is_in(module, owners)
    )


def catch_all_modules(sources: Sources) -> list[str]:
    """Modules without a subject. Only anymail.utils may be, and only to re-export."""
    problems = []
    for module, source in sources.items():
        if module.rpartition(".")[2] not in CATCH_ALL_NAMES:
            continue
        only_imports = all(_is_reexport(node) for node in ast.parse(source).body)
        if module != "anymail.utils" or not only_imports:
            problems.append(module)
    return sorted(problems)


def _is_reexport(node: ast.stmt) -> bool:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    return is_docstring or is_all or isinstance(node, ast.ImportFrom)


def long_functions(sources: Sources) -> list[str]:
    return sorted(
        f"{module}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for module, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_LINES
    )


def class_depths(sources: Sources) -> dict[str, int]:
    """How many of our own classes stand in a row, for each class."""
    bases = {}
    for module, source in sources.items():
        tree = ast.parse(source)
        names = _class_names(tree, module, sources)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found = (_full_name(ast.unparse(base), names) for base in node.bases)
                bases[f"{module}.{node.name}"] = [base for base in found if base]

    def depth(name: str) -> int:
        return 1 + max((depth(base) for base in bases[name] if base in bases), default=0)

    return {name: depth(name) for name in bases}


def _class_names(tree: ast.Module, module: str, sources: Sources) -> dict[str, str]:
    """What each name in a module stands for."""
    names = {
        name: found.names[0]
        for found in imports_of(module, sources)
        if (name := found.names[0].rpartition(".")[2])
    }
    local = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    return {**names, **{name: f"{module}.{name}" for name in local}}


def _full_name(base: str, names: Mapping[str, str]) -> str | None:
    first, _, rest = base.partition("[")[0].partition(".")
    if first not in names:
        return None
    return f"{names[first]}.{rest}" if rest else names[first]


class PackageTests(SimpleTestCase):
    """The package as it is."""

    sources: dict[str, str]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sources = read_sources()

    def test_every_module_is_listed(self):
        self.assertEqual(unlisted_modules(self.sources), [])

    def test_imports_point_down(self):
        self.assertEqual(upward_imports(self.sources), [])

    def test_nothing_imports_an_optional_folder(self):
        self.assertEqual(imports_of_optional_folders(self.sources), [])

    def test_imports_in_the_sandbox_point_down(self):
        self.assertEqual(sandbox_upward_imports(self.sources), [])

    def test_imports_have_no_circles(self):
        graph = runtime_imports(self.sources, "anymail")
        # The only import inside of a function that closes one: exceptions need not load requests.
        graph["anymail.exceptions"].remove("anymail.exceptions.requests_error")
        TopologicalSorter(graph).prepare()

    def test_pure_modules_import_no_network_module(self):
        self.assertEqual(network_imports(self.sources), [])

    def test_the_documentation_lists_the_modules_of_amazon_ses(self):
        page = (ROOT / "docs" / "architecture.rst").read_text("utf-8")
        block = page[page.index("   build calls ") :].partition("\n\n")[0]
        column = len("   documents -> events  ")
        shown = {name for line in block.splitlines() for name in line[column:].split()}
        prefix = "anymail.amazon_ses."
        modules = [name for name in self.sources if name.startswith(prefix)]
        expected = {name[len(prefix) :] + "*" * (name in NETWORK) for name in modules}
        self.assertEqual(shown, expected)

    def test_settings_and_boto3_have_one_owner(self):
        self.assertEqual(stray_imports(self.sources), [])

    def test_there_is_no_catch_all_module(self):
        self.assertEqual(catch_all_modules(self.sources), [])

    def test_functions_are_short(self):
        self.assertEqual(long_functions(self.sources), [])

    def test_class_trees_are_flat(self):
        depths = class_depths(self.sources)
        deeper = {name for name, depth in depths.items() if depth > MAX_DEPTH}
        self.assertEqual(deeper - DEEPER.keys(), set())

    def test_no_exception_to_that_is_outdated(self):
        depths = class_depths(self.sources)
        self.assertEqual([name for name in DEEPER if depths.get(name, 0) <= MAX_DEPTH], [])

    def test_the_top_level_holds_what_it_should_and_dot_files(self):
        if not (ROOT / ".git").exists():
            self.skipTest("not in a git checkout")
        done = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode or not done.stdout:
            self.skipTest("git does not know this folder")
        tracked = {line.strip('"').partition("/")[0] for line in done.stdout.splitlines()}
        self.assertEqual({name for name in tracked if not name.startswith(".")}, TOP_LEVEL)


class CheckerTests(SimpleTestCase):
    """The rules above find what they should, on small examples."""

    def test_a_module_that_is_not_listed(self):
        self.assertEqual(unlisted_modules({"anymail.new": ""}), ["anymail.new"])
        self.assertEqual(unlisted_modules({"anymail.conf": "", "anymail.sandbox.new": ""}), [])

    def test_imports_of_a_higher_layer_in_every_form(self):
        for source in (
            "from .backends import base",
            "from .backends.base import AnymailBaseBackend",
            "from anymail.backends.base import AnymailBaseBackend",
            "import anymail.backends.base",
            "import anymail.backends.base as b",
            "from . import outgoing",
            "from .outgoing import OutgoingMessage",
            "def f():\n    from .outgoing import OutgoingMessage",
            "class C:\n    def f(self):\n        if 1:\n            from . import outgoing",
            "try:\n    from . import outgoing\nexcept ImportError:\n    pass",
            "if TYPE_CHECKING:\n    pass\nelse:\n    from . import outgoing",
            "if not TYPE_CHECKING:\n    from . import outgoing",
            "from .new import x",
        ):
            with self.subTest(source=source):
                self.assertEqual(len(upward_imports({"anymail.signals": source})), 1)

    def test_imports_from_a_folder_are_resolved(self):
        for source in (
            "from ..backends import base",
            "from .. import urls",
            "from ..webhooks.base import View",
        ):
            with self.subTest(source=source):
                self.assertEqual(len(upward_imports({"anymail.amazon_ses.sns": source})), 1)
                self.assertEqual(len(upward_imports({"anymail.amazon_ses.sns": source})), 1)
        self.assertEqual(upward_imports({"anymail.amazon_ses": "from .sns import x"}), [])
        self.assertEqual(
            upward_imports({"anymail.amazon_ses": "from ..urls import x"}),
            ["anymail.amazon_ses imports anymail.urls"],
        )

    def test_imports_that_are_allowed(self):
        for source in (
            "from .conf import UNSET",
            "from . import __version__",
            "from .addresses import EmailAddress",
            "import os, django.conf.urls, requests",
            "if TYPE_CHECKING:\n    from .outgoing import OutgoingMessage",
            "if typing.TYPE_CHECKING:\n    from .outgoing import OutgoingMessage",
        ):
            with self.subTest(source=source):
                self.assertEqual(upward_imports({"anymail.signals": source}), [])

    def test_imports_of_an_optional_folder(self):
        source = "from anymail.feedback.models import Bounce"
        self.assertEqual(len(imports_of_optional_folders({"anymail.urls": source})), 1)
        for module in ("anymail.feedback.admin", "anymail.sandbox.x"):
            self.assertEqual(imports_of_optional_folders({module: source}), [])

    def test_imports_in_the_sandbox(self):
        for module, source, is_allowed in (
            ("anymail.sandbox.page.views", "from ..journal import Journal", True),
            ("anymail.sandbox.page.views", "from ..aws.api import ApiError", False),
            ("anymail.sandbox.page.views", "from ..run import run_sandbox", False),
            ("anymail.sandbox.aws.sns.outbox", "from .. import api", True),
            ("anymail.sandbox.aws.sns.outbox", "from ..events import publish", False),
            ("anymail.sandbox.aws.events.publish", "from ..ses.mime import compose", False),
            ("anymail.sandbox.aws.api", "from ..page.views import View", False),
            ("anymail.sandbox.aws.endpoint", "from .ses.mime import compose", True),
            ("anymail.sandbox.journal", "def f():\n    from .aws import api", False),
        ):
            with self.subTest(module=module, source=source):
                names = """
                    anymail.sandbox.journal anymail.sandbox.page.views anymail.sandbox.run
                    anymail.sandbox.aws anymail.sandbox.aws.api anymail.sandbox.aws.ses.mime
                    anymail.sandbox.aws.events.publish
                """
                sources = {**dict.fromkeys(names.split(), ""), module: source}
                self.assertEqual(sandbox_upward_imports(sources) == [], is_allowed)

    def test_imports_of_the_network(self):
        for source in (
            "from . import aws",
            "from .delivery import run",
            "def f():\n    from .certificates import fetch_certificate",
            "from anymail.amazon_ses.storage import download",
        ):
            with self.subTest(source=source):
                self.assertEqual(len(network_imports({"anymail.amazon_ses.trust": source})), 1)
                self.assertEqual(network_imports({"anymail.amazon_ses.receive": source}), [])
                self.assertEqual(network_imports({"anymail.backends.base": source}), [])

    def test_imports_of_what_has_an_owner(self):
        for source in (
            "from django.conf import settings",
            "import django.conf",
            "from django import conf",
            "import boto3",
            "import boto3.session as s",
            "from botocore.exceptions import ClientError",
            "def f():\n    from botocore import config",
        ):
            with self.subTest(source=source):
                self.assertEqual(len(stray_imports({"anymail.amazon_ses.sns": source})), 1)
        self.assertEqual(stray_imports({"anymail.amazon_ses.aws": "import boto3"}), [])
        self.assertEqual(stray_imports({"anymail.conf": "from django.conf import settings"}), [])
        self.assertEqual(stray_imports({"anymail.urls": "import django.configuration"}), [])
        types = "if TYPE_CHECKING:\n    from botocore.config import Config"
        self.assertEqual(stray_imports({"anymail.urls": types}), [])

    def test_catch_all_modules(self):
        for sources in (
            {"anymail.helpers": ""},
            {"anymail.amazon_ses.utils": ""},
            {"anymail.utils": "def f(): pass"},
            {"anymail.utils": "x = 1"},
        ):
            with self.subTest(sources=sources):
                self.assertEqual(catch_all_modules(sources), list(sources))
        fine = '"""Doc."""\nfrom .conf import UNSET\n__all__ = ["UNSET"]'
        self.assertEqual(catch_all_modules({"anymail.utils": fine}), [])

    def test_long_functions(self):
        def function(lines: int) -> dict[str, str]:
            return {"m": "class C:\n  def f(self):\n" + "    pass\n" * (lines - 1)}

        self.assertEqual(long_functions(function(MAX_LINES)), [])
        self.assertEqual(long_functions(function(MAX_LINES + 1)), ["m.f: 51 lines"])

    def test_deep_class_trees_across_modules(self):
        depths = class_depths(
            {
                "anymail.backends.base": "class A(Django): pass\nclass B(A): pass",
                "anymail.backends.test": "from .base import B\nclass C(B, Other): pass",
                "anymail.backends.console": "from . import test\nclass D(test.C[int]): pass",
                "anymail.checks": (
                    "def f():\n"
                    "    from anymail.backends.console import D\n"
                    "    class E(D): pass\n"
                    "class F(Unknown): pass"
                ),
            }
        )
        self.assertEqual(
            {name.rpartition(".")[2]: depth for name, depth in depths.items()},
            {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 1},
        )
