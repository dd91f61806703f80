"""A URLconf without webhooks."""

urlpatterns: list[object] = []
