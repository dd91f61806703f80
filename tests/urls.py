from django.contrib import admin
from django.urls import include, path

from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

urlpatterns = [
    path("anymail/", include("anymail.urls")),
    # Where a project had include("django_bouncy.urls").
    path("bouncy/", AmazonSESTrackingWebhookView.as_view()),
    path("admin/", admin.site.urls),
]
