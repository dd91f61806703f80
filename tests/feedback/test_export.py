"""The lists of feedback as CSV files. How they are made is tested with the outbox."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import TestCase
from django.urls import reverse

from anymail.feedback.models import Bounce, Complaint, Delivery, MailEvent, Suppression

MODELS = (Bounce, Complaint, Delivery, MailEvent, Suppression)


def export_url(model: Any, **query: str) -> str:
    return reverse(f"admin:anymail_feedback_{model._meta.model_name}_export", query=query)


class ExportTests(TestCase):
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_user("staff", is_staff=True)
        Bounce._default_manager.create(
            address="+ann@example.com", hard=True, diagnostic_code="smtp; 550 5.1.1\r\n=1+1"
        )
        Suppression.objects.create(address="ann@example.com")

    def login_with(self, *names: str) -> None:
        self.user.user_permissions.set(Permission.objects.filter(codename__in=names))
        self.client.force_login(self.user)

    def lines(self, model: Any, **query: str) -> list[dict[str, str]]:
        response = self.client.post(export_url(model, **query))
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_every_list_has_a_file_and_a_button_for_it(self) -> None:
        names = [f"view_{model._meta.model_name}" for model in MODELS]
        self.login_with("export_feedback", *names)
        for model in MODELS:
            with self.subTest(model=model):
                rows = model._default_manager.count()
                self.assertEqual(len(self.lines(model)), rows)
                page = self.client.get(export_url(model).removesuffix("export/"))
                self.assertEqual(export_url(model) in page.content.decode(), rows > 0)

    def test_what_strangers_wrote_is_harmless(self) -> None:
        self.login_with("export_feedback", "view_bounce")
        [line] = self.lines(Bounce, q="+ann@example.com")
        self.assertEqual(line["address"], "'+ann@example.com")
        self.assertEqual(line["diagnostic_code"], "smtp; 550 5.1.1 =1+1")
        self.assertFalse({"event", "address_key", "id"} & line.keys())
        self.assertEqual(self.lines(Bounce, q="other@example.com"), [])

    def test_the_chosen_rows(self) -> None:
        self.login_with("export_feedback", "view_suppression")
        pk = Suppression.objects.get().pk
        data = {"action": "export", "_selected_action": str(pk)}
        response = self.client.post(export_url(Suppression).removesuffix("export/"), data)
        self.assertIn(b"ann@example.com", b"".join(response.streaming_content))

    def test_only_with_the_permission(self) -> None:
        for name in ("view_bounce", "export_feedback"):
            self.login_with(name)
            self.assertEqual(self.client.post(export_url(Bounce)).status_code, 403)
