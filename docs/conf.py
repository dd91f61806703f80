"""How the documentation is built: ``sphinx-build -W -n docs docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent.parent))

import anymail

project = "django-anymail-ses"
author = "The django-anymail-ses developers"
release = version = anymail.__version__

extensions = ["sphinx.ext.autosectionlabel", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"{project} {release}"
exclude_patterns = ["_build"]

# :ref:`page:Title of the section`. The changelog has the same titles for each version.
autosectionlabel_prefix_document = True
suppress_warnings = ["autosectionlabel.changelog"]

# Names of Python, Django and boto3 are linked to nothing: the build needs no network.
nitpick_ignore_regex = [(r"py:.*", r".*"), (r"std:envvar", r".*")]

# Prompts are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Define ``.. setting:: NAME`` and ``:setting:`NAME```."""
    app.add_object_type("setting", "setting", indextemplate="pair: %s; setting")
