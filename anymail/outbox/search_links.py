"""Links from what somebody has searched for, in the list of messages, to more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from .searching import TAG, is_tag

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def search_links(site: AdminSite, request: HttpRequest) -> list[tuple[StrOrPromise, str]]:
    """Texts and URLs: the page of an address, and the messages with a tag of this name."""
    term = request.GET.get("q", "").strip()
    if "@" in term:
        return _address(site, request, term)
    if term and not term.startswith(TAG) and is_tag(term):
        text = _("Messages with the tag “%(tag)s”") % {"tag": term}
        return [(text, "?" + urlencode({"q": f"{TAG}{term}"}))]
    return []


def _address(site: AdminSite, request: HttpRequest, term: str) -> list[tuple[StrOrPromise, str]]:
    if not request.user.has_perm("anymail_outbox.view_address"):
        return []
    try:
        url = reverse(f"{site.name}:anymail_outbox_address_changelist")
    except NoReverseMatch:  # the site does not have it
        return []
    text = _("Everything about %(address)s") % {"address": term}
    return [(text, f"{url}?{urlencode({'q': term})}")]
