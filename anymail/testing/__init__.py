"""For your tests: assertions about sent mail, events, and SNS requests for Django's test client.

.. code-block:: python

    from anymail.testing import assert_sent, sns_notification, tracking_event, trusted_sns

    def test_welcome(self):
        sign_up("ann@example.com")
        assert_sent(to="ann@example.com", subject="Welcome", tags=["welcome"])

    def test_receiver(self):
        event = tracking_event("bounced", recipient="ann@example.com")
        disable_address(sender=None, event=event, esp_name="Amazon SES")

    def test_webhook(self):
        request = sns_notification("bounce", recipient="ann@example.com")
        with trusted_sns():
            response = self.client.post("/anymail/amazon_ses/tracking/", **request)
        self.assertEqual(response.status_code, 200)
"""

from __future__ import annotations

from .conditions import Conditions
from .events import inbound_event, tracking_event
from .requests import sns_notification, sns_request, sns_subscription, trusted_sns
from .sent import assert_not_sent, assert_nothing_sent, assert_sent, sent_messages
from .ses import DEFAULT_RECIPIENT, ses_event, ses_received
from .sns import DEFAULT_TOPIC
from .stored import assert_not_stored, assert_stored, run_outbox, stored_messages

__all__ = [
    "DEFAULT_RECIPIENT",
    "DEFAULT_TOPIC",
    "Conditions",
    "assert_not_sent",
    "assert_not_stored",
    "assert_nothing_sent",
    "assert_sent",
    "assert_stored",
    "inbound_event",
    "run_outbox",
    "sent_messages",
    "ses_event",
    "ses_received",
    "sns_notification",
    "sns_request",
    "sns_subscription",
    "stored_messages",
    "tracking_event",
    "trusted_sns",
]
