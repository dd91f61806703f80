"""The webhooks' URLs: ``path("anymail/", include("anymail.urls"))``."""

from __future__ import annotations

from django.urls import URLPattern, path

from .webhooks.amazon_ses import (
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
    AmazonSESWebhookView,
)

app_name = "anymail"
urlpatterns: list[URLPattern] = [
    path("amazon_ses/", AmazonSESWebhookView.as_view(), name="amazon_ses_webhook"),
    path(
        "amazon_ses/tracking/",
        AmazonSESTrackingWebhookView.as_view(),
        name="amazon_ses_tracking_webhook",
    ),
    path(
        "amazon_ses/inbound/",
        AmazonSESInboundWebhookView.as_view(),
        name="amazon_ses_inbound_webhook",
    ),
]
