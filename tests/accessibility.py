"""axe-core on pages in a browser: what keeps people from using them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: What Django's own pages of the admin violate, too: the rule, and what the selector of the element
#: contains.
DJANGOS_OWN: tuple[tuple[str, str], ...] = (
    # Below the search field: its label is a picture.
    ("label-title-only", "#searchbar"),
    # How many a search has found, with a link to all: it is not underlined.
    ("link-in-text-block", 'a[href="?"]'),
    # The way back to the index: where the title is longer than the links, they stand in a text.
    ("link-in-text-block", ".breadcrumbs > a"),
    # The two fields of a date and its time: the words beside them are no labels.
    ("label", "#id_expires_at_"),
)
#: All rules of axe-core that are on by default: WCAG 2.0 to 2.2, A and AA, and best practice. It
#: needs no styles that it loads by itself, which a Content-Security-Policy would forbid.
RUN = "axe.run(document, {resultTypes: ['violations'], preload: false})"


def why_not() -> str:
    """What is missing; empty if nothing is."""
    try:
        import axe_playwright_python.base  # noqa: F401
    except ImportError:
        return "axe-core is not installed: python -m pip install axe-playwright-python"
    return ""


def violations(page: Page) -> list[str]:
    """What axe-core has against a page, without what Django's admin itself violates.

    The page's Content-Security-Policy may forbid every inline script: Playwright evaluates from
    outside.

    :return: a line for each element: the rule, the selector, and what is wrong.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate(RUN)
    return [
        f"{violation['id']}: {selector}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
        if not _is_djangos(violation["id"], selector := str(node["target"][0]))
    ]


def _is_djangos(rule: str, selector: str) -> bool:
    return any(rule == one and part in selector for one, part in DJANGOS_OWN)
