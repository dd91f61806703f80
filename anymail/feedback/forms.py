"""The forms of the admin."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..addresses import parse_single_address
from ..exceptions import AnymailInvalidAddress
from .models import Suppression

if TYPE_CHECKING:
    SuppressionModelForm = forms.ModelForm[Suppression]
else:  # Django's class takes no parameter at run time
    SuppressionModelForm = forms.ModelForm


class SuppressionForm(SuppressionModelForm):
    """An entry of the suppression list."""

    #: Whether the user has the permission to lift suppressions.
    may_lift: bool = False

    class Meta:
        """All fields: the admin chooses."""

        model = Suppression
        fields = "__all__"

    def clean_address(self) -> str:
        """The e-mail address.

        :raises django.core.exceptions.ValidationError: it is not one valid address.
        """
        try:
            return parse_single_address(self.cleaned_data["address"]).addr_spec
        except AnymailInvalidAddress as err:
            raise ValidationError(_("Enter a valid email address."), code="invalid") from err

    def clean_expires_at(self) -> datetime | None:
        """The end of the suppression. An earlier end is a way of lifting it.

        :raises django.core.exceptions.ValidationError: it is earlier than before, and the user may
            not lift suppressions.
        """
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        is_changed = self.instance.pk is not None and "expires_at" in self.changed_data
        if is_changed and not self.may_lift and _is_earlier(expires_at, self.instance.expires_at):
            raise ValidationError(
                _("You need the permission to lift suppressions to let one end earlier."),
                code="permission",
            )
        return expires_at


class LiftForm(forms.Form):
    """Asks why addresses get mail again."""

    note: Any = forms.CharField(
        label=_("Note"),
        max_length=1_000,
        strip=True,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text=_("Why they get mail again. The note is kept in the admin's log."),
    )


def _is_earlier(new: datetime | None, old: datetime | None) -> bool:
    return new is not None and (old is None or new < old)
