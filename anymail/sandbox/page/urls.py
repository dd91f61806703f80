"""The URLs of the page: ``path("", include("anymail.sandbox.page.urls"))``.

The handlers of errors are for the root URLconf, where Django looks for them.
"""

from __future__ import annotations

from django.urls import URLPattern, path

from . import (
    views_api,
    views_compose,
    views_contents,
    views_errors,
    views_feedback,
    views_inbox,
    views_messages,
    views_receive,
    views_settings,
)

app_name = "sandbox"
urlpatterns: list[URLPattern] = [
    path("favicon.ico", views_errors.favicon, name="favicon"),
    path("", views_messages.messages, name="messages"),
    path("messages/<str:id>/", views_messages.message, name="message"),
    path("messages/<str:id>/preview/", views_contents.sent_preview, name="message_preview"),
    path("messages/<str:id>/source/", views_contents.sent_source, name="message_source"),
    path("messages/<str:id>/files/<int:number>/", views_contents.sent_file, name="message_file"),
    path("messages/<str:id>/events/<str:event>/", views_contents.sent_event, name="message_event"),
    path("compose/", views_compose.compose, name="compose"),
    path("compose/sample/", views_compose.send_sample, name="send_sample"),
    path("inbox/", views_inbox.inbox, name="inbox"),
    path("inbox/receive/", views_receive.receive, name="receive"),
    path("inbox/sample/", views_receive.receive_sample, name="receive_sample"),
    path("inbox/<str:id>/", views_inbox.received, name="received"),
    path("inbox/<str:id>/preview/", views_contents.received_preview, name="received_preview"),
    path("inbox/<str:id>/source/", views_contents.received_source, name="received_source"),
    path("inbox/<str:id>/files/<int:number>/", views_contents.received_file, name="received_file"),
    path(
        "inbox/<str:id>/events/<str:event>/", views_contents.received_event, name="received_event"
    ),
    path("feedback/", views_feedback.feedback, name="feedback"),
    path("feedback/lift/", views_feedback.lift, name="lift"),
    path("api/messages", views_api.messages, name="api_messages"),
    path("api/messages/wait", views_api.wait, name="api_wait"),
    path("api/messages/<str:id>", views_api.message, name="api_message"),
    path("settings/", views_settings.settings, name="settings"),
    path("settings/empty/", views_settings.empty, name="empty"),
]
handler400 = "anymail.sandbox.page.views_errors.bad_request"
handler403 = "anymail.sandbox.page.views_errors.forbidden"
handler404 = "anymail.sandbox.page.views_errors.not_found"
handler500 = "anymail.sandbox.page.views_errors.server_error"
