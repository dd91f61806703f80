"""Prints the rows of the feedback app as JSON: ``python -m tests.consumer.stored_rows``."""

from __future__ import annotations

import json

import django

django.setup()

from anymail.feedback.models import Bounce, Complaint, Delivery, MailEvent  # noqa: E402

if __name__ == "__main__":
    rows = [
        [model.__name__, *row]
        for model in (Bounce, Complaint, Delivery, MailEvent)
        for row in model.objects.values_list("sns_messageid", "address_key")
    ]
    print(json.dumps(rows))
