"""A form field for addresses that can get mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from .validators import DeliverabilityValidator, deliverable


class DeliverableEmailField(forms.EmailField):
    """An ``EmailField`` that asks Amazon SES about an address with which all else is well.

    ``error_messages`` may have the codes of the validator, see
    :data:`~anymail.validators.MESSAGES`.

    :param deliverability: the validator that asks.
    :param kwargs: those of ``EmailField``.
    """

    def __init__(
        self, *, deliverability: DeliverabilityValidator = deliverable, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.deliverability = deliverability

    def run_validators(self, value: Any) -> None:
        """Run the other validators first: SES has a price, and one error is enough.

        :param value: the address.
        :raises ValidationError: one of them refuses it.
        """
        super().run_validators(value)
        if value in self.empty_values:
            return
        try:
            self.deliverability(value)
        except ValidationError as err:
            text = self.error_messages.get(err.code or "", err.message)
            raise ValidationError(text, code=err.code, params=err.params) from err
