"""Amazon's own advice.

Source: Amazon SES API v2 Reference, "ListRecommendations".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..context import Context
from ..findings import Finding, advice, ok, warning

#: How many pages of 100 recommendations are read.
MAX_PAGES = 5


def recommendations(context: Context) -> Iterator[Finding]:
    """D28: Amazon recommends no change."""
    found = list(_open(context))
    for one in found:
        resource = str(one.get("ResourceArn", "")).rpartition("/")[2]
        text = f"{one.get('Type')} of {resource or 'the account'}, impact {one.get('Impact')}"
        described = " ".join(str(one.get("Description", "")).split())
        yield warning(text, *([advice(f"Amazon: {described}")] if described else []))
    if not found:
        yield ok("none")


def _open(context: Context) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        answer = context.ask("sesv2", "ListRecommendations", Filter={"STATUS": "OPEN"}, **token)
        yield from answer.get("Recommendations", ())
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}
