"""How the documentation is built: ``sphinx-build -W -n docs docs/_build``."""

from __future__ import annotations

import re
import sys
from inspect import getdoc
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db.models.query_utils import DeferredAttribute
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent.parent))

import anymail

# Models, and only these, need it.
settings.configure(INSTALLED_APPS=["anymail", "anymail.feedback"])
django.setup()

project = "django-anymail-ses"
author = "The django-anymail-ses developers"
release = version = anymail.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosectionlabel", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"{project} {release}"
exclude_patterns = ["_build"]

# :ref:`page:Title of the section`. The changelog has the same titles for each version.
autosectionlabel_prefix_document = True
suppress_warnings = ["autosectionlabel.changelog"]

# The API reference: in the order of the code, with short names of types.
autodoc_default_options = {"member-order": "bysource", "show-inheritance": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
#: What Django adds to models and enumerations.
NOT_OURS = re.compile(
    r"id|objects|Meta|DoesNotExist|MultipleObjectsReturned|NotUpdated|get_.+_(by_.+|display)"
)

# Names of Python, Django and boto3 are linked to nothing: the build needs no network.
nitpick_ignore_regex = [
    (r"py:.+", r"(django|botocore|requests)\..+"),
    (r"py:.+", r"(collections\.abc|datetime|email|io|json|os|pathlib|re|threading|uuid)(\..+)?"),
    # As they are written where they are imported for type checkers only.
    (
        r"py:class",
        r"ClientError|Counts|EmailMessage|SimpleUploadedFile|StrOrPromise|UploadedFile"
        r"|models\.([A-Z]\w+Field|ForeignKey)",
    ),
    (r"py:exc", r"ValidationError"),
    (r"py:class", r"anymail\.conf\.(\w+\.)?SomeSettings"),  # a type variable
    (r"std:envvar", r"AWS_.+"),
]

# Prompts are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Define ``.. setting:: NAME`` and ``:setting:`NAME```."""
    app.add_object_type("setting", "setting", indextemplate="pair: %s; setting")
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", describe_column)
    app.connect("autodoc-process-signature", name_factories)


def skip_member(app: Sphinx, what: str, name: str, obj: Any, *_: Any) -> bool | None:
    """Leave out what Django makes, and columns that a base class has."""
    if NOT_OURS.fullmatch(name):
        return True
    if isinstance(obj, DeferredAttribute):
        _, *bases = obj.field.model.__mro__
        return True if any(hasattr(base, name) for base in bases) else None
    return None


def describe_column(app: Sphinx, what: str, name: str, obj: Any, _: Any, lines: list[str]) -> None:
    """A column without a comment is described by its label, not by the class of the attribute."""
    if isinstance(obj, DeferredAttribute) and lines[:1] == (getdoc(obj) or "").splitlines()[:1]:
        lines[:] = [f"{obj.field.verbose_name}."]


def name_factories(app: Sphinx, *event: Any) -> tuple[str, str | None] | None:
    """A default that is made anew for each object is no text that Sphinx can read."""
    *_, signature, returns = event
    return signature and (signature.replace("<factory>", "..."), returns)
