"""Whether the package ``anymail`` has the files of this distribution.

django-anymail has files of the same names, and a package that depends on it installs them over
ours. Nothing of this package is imported here, because all of it may have been overwritten.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

#: Goes with the app ``anymail.outbox``, which may be deleted.
OUTBOX_BACKEND = PurePosixPath("anymail/backends/outbox.py")
#: The folders in which both distributions have modules.
SHARED_FOLDERS = (("anymail",), ("anymail", "backends"), ("anymail", "webhooks"))
REINSTALL = "python -m pip install --force-reinstall --no-deps django-anymail-ses"


def check_installation(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E100: django-anymail owns files here, too. E106: it took ours along when it was removed."""
    if _has_our_files(_installed("django-anymail")):
        return [
            checks.Error(
                "django-anymail and django-anymail-ses are both installed: both own the package "
                "'anymail', and overwrite each other's files.",
                hint=(
                    f"python -m pip uninstall django-anymail && {REINSTALL}. If another package "
                    'requires django-anymail, see "Packages that require django-anymail" on the '
                    'page "Migrating" of the documentation.'
                ),
                id="anymail.E100",
            )
        ]
    if missing := list(_missing_modules(_installed("django-anymail-ses"))):
        return [
            checks.Error(
                "The package 'anymail' is incomplete. These files are missing: "
                f"{', '.join(missing)}.",
                hint=REINSTALL,
                id="anymail.E106",
            )
        ]
    return []


@contextmanager
def explain_import_errors() -> Iterator[None]:
    """Explain failing imports of this package's own modules by what overwrote them.

    :raises ImproperlyConfigured: :func:`check_installation` found a problem.
    """
    try:
        yield
    except ImportError as err:
        for problem in check_installation():
            raise ImproperlyConfigured(f"{problem.msg}\n{problem.hint}") from err
        raise


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _has_our_files(found: Distribution | None) -> bool:
    """Whether a distribution has files in ``anymail/``; yes if it does not list its files.

    An empty placeholder for django-anymail has none.
    """
    if found is None:
        return False
    files = _recorded(found)
    return not files or any(path.parts[0] == "anymail" for path in files)


def _missing_modules(found: Distribution | None) -> Iterator[str]:
    for path in _recorded(found) if found else ():
        if path.suffix != ".py" or path.parts[:-1] not in SHARED_FOLDERS or _is_there(path):
            continue
        if path != OUTBOX_BACKEND or find_spec("anymail.outbox") is not None:
            yield str(path)


def _recorded(found: Distribution) -> list[PurePosixPath]:
    """The files of a distribution, from its RECORD; empty if it has none.

    ``Distribution.files`` leaves out what is missing, from Python 3.12 on.
    """
    record = found.read_text("RECORD") or ""
    return [PurePosixPath(row[0]) for row in csv.reader(record.splitlines()) if row]


def _is_there(path: PurePosixPath) -> bool:
    """Whether a module can be imported, from a file, an archive or a frozen program."""
    names = path.with_suffix("").parts
    if names[-1] == "__init__":
        spec = find_spec(".".join(names[:-1]))
        return spec is not None and spec.origin is not None
    return find_spec(".".join(names)) is not None
