"""The forms that pause sending."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .mailers import known_mailers
from .models import NAME_LENGTH


class ReasonForm(forms.Form):
    """Asks why."""

    reason: Any = forms.CharField(
        label=_("Reason"),
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_("For everybody who wonders why no mail is sent."),
    )


class PauseForm(ReasonForm):
    """Asks what to pause, and why."""

    field_order: Any = ("mailer", "lane", "reason")

    mailer: Any = forms.ChoiceField(
        label=_("Mailer"),
        choices=lambda: [(name, name) for name in known_mailers()],
    )
    lane: Any = forms.CharField(
        label=_("Lane"),
        required=False,
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_(
            "Only messages of this lane, exactly as the page of a message shows it. Empty: "
            "everything that the mailer sends."
        ),
    )
