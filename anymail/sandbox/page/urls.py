"""The URLs of the page."""

from __future__ import annotations

from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from . import views_api, views_contents, views_forms, views_mails, views_outbox


def _contents(find: views_mails.FindMail) -> list[URLPattern]:
    """The parts of a mail, below its own URL."""
    kwargs = {"find": find}
    return [
        path("preview/", views_contents.preview, kwargs),
        path("source/", views_contents.source, kwargs),
        path("files/<int:number>/", views_contents.file, kwargs),
    ]


app_name = "sandbox"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views_mails.messages, name="messages"),
    path("messages/<str:id>/", views_mails.message, name="message"),
    path("messages/<str:id>/", include(_contents(views_mails.sent_mail))),
    path("compose/", views_forms.compose, name="compose"),
    path("compose/sample/", views_forms.send_sample, name="send_sample"),
    path("outbox/", views_outbox.outbox, name="outbox"),
    path("outbox/crash/", views_outbox.crash, name="crash"),
    path("outbox/<uuid:id>/", views_outbox.act, name="outbox_act"),
    path("inbox/", views_mails.inbox, name="inbox"),
    path("inbox/receive/", views_forms.receive, name="receive"),
    path("inbox/sample/", views_forms.receive_sample, name="receive_sample"),
    path("inbox/<str:id>/", views_mails.received, name="received"),
    path("inbox/<str:id>/", include(_contents(views_mails.received_mail))),
    path("api/messages", views_api.messages, name="api_messages"),
    path("api/messages/wait", views_api.wait, name="api_wait"),
    path("api/messages/<str:id>", views_api.message, name="api_message"),
    path("settings/", views_forms.settings, name="settings"),
    path("settings/empty/", views_forms.empty, name="empty"),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("anymail_sandbox/favicon.svg"))),
]
