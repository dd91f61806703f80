"""Which messages are probes, and what is noted of them for the process that waits."""

from __future__ import annotations

from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.dispatch import Signal
from django.test import SimpleTestCase, override_settings

from anymail import probes
from anymail.feedback.models import Bounce
from anymail.feedback.suppression import reason_for
from anymail.outbox.events import harm_of
from anymail.signals import AccountChange, EventType, dispatch, tracking
from anymail.testing import inbound_event, ses_received, tracking_event

from .local_sns import heard

NONCE = "0123456789abcdef"
BOUNCED = f"bounce+anymail-probe-{NONCE}@simulator.amazonses.com"
SIGNATURE = b"v=1; d=example.com; h=from:list-unsubscribe; b=abc"


class BrokenCache(LocMemCache):
    def get(self, *args, **kwargs):
        raise ConnectionError("the cache is away")


def arrive(*events, signal=None):
    dispatch(events, sender=ProbesTests, esp_name="Amazon SES", signal=signal)


class AddressTests(SimpleTestCase):
    def test_an_address_tells_its_probe(self):
        self.assertEqual(probes.simulator_address("bounce", NONCE), BOUNCED)
        self.assertEqual(probes.nonce_of(BOUNCED), NONCE)
        received = probes.inbound_address(NONCE, "in.example.com")
        self.assertEqual(probes.nonce_of(received), NONCE)

    def test_other_addresses_have_none(self):
        for address in (
            None,
            "",
            "bounce@simulator.amazonses.com",
            "anymail-probe@example.com",
            f"anymail-probe-{NONCE}0@example.com",
            f"ann.anymail-probe-{NONCE}@example.com",
            "anymail-probe-0123456789abcdeg@example.com",
        ):
            with self.subTest(address=address):
                self.assertIsNone(probes.nonce_of(address))


class ProbesTests(SimpleTestCase):
    def setUp(self):
        cache.clear()
        self.addCleanup(cache.clear)

    def test_events_of_a_probe_are_noted_until_it_is_forgotten(self):
        self.assertTrue(probes.begin(NONCE))
        self.assertEqual(probes.noted(NONCE), {})
        arrive(tracking_event("bounced", recipient=BOUNCED))
        self.assertEqual(probes.noted(NONCE), {"bounced": True})
        probes.forget(NONCE)
        self.assertEqual(probes.noted(NONCE), {})

    def test_what_nobody_waits_for_is_not_noted(self):
        """Or strangers could fill the cache."""
        arrive(tracking_event("bounced", recipient=BOUNCED))
        self.assertEqual(probes.noted(NONCE), {})

    def test_opens_are_not_noted(self):
        probes.begin(NONCE)
        arrive(tracking_event("opened", recipient=BOUNCED))
        self.assertEqual(probes.noted(NONCE), {})

    def test_a_view_with_a_signal_of_its_own_does_not_hide_it(self):
        probes.begin(NONCE)
        own = Signal()
        with heard(own) as events:
            arrive(tracking_event("bounced", recipient=BOUNCED), signal=own)
        self.assertEqual(len(events), 1)
        self.assertIn("bounced", probes.noted(NONCE))

    def test_a_received_mail_is_noted_with_what_arrived(self):
        probes.begin(NONCE)
        address = probes.inbound_address(NONCE, "example.com")
        mail = b"DKIM-Signature: " + SIGNATURE + b"\r\nFrom: a@example.com\r\n\r\nHello"
        document = ses_received(mail, recipient=address, spfVerdict={"status": "GRAY"})
        arrive(inbound_event(mail, esp_event=document))
        note = probes.noted(NONCE)["inbound"]
        self.assertEqual(note["verdicts"]["spf"], "GRAY")
        self.assertEqual(note["signatures"], [SIGNATURE.decode()])

    def test_odd_documents_do_no_harm(self):
        probes.begin(NONCE)
        for odd in (None, [], {"receipt": []}, {"receipt": {"recipients": [None, 7, "x"]}}):
            arrive(inbound_event(esp_event=odd), AccountChange(kind="Sending Status Disabled"))
        self.assertEqual(probes.noted(NONCE), {})

    def test_a_cache_that_fails_does_not_keep_an_event_from_its_receivers(self):
        with (
            override_settings(CACHES={"default": {"BACKEND": f"{__name__}.BrokenCache"}}),
            self.assertLogs("django.dispatch", "ERROR"),
            heard(tracking) as events,
        ):
            arrive(tracking_event("bounced", recipient=BOUNCED))
        self.assertEqual(len(events), 1)


class NoHarmTests(SimpleTestCase):
    def test_the_bounce_of_a_probe_suppresses_nobody(self):
        row = Bounce(address="bounce@simulator.amazonses.com", hard=True)
        self.assertIsNotNone(reason_for(row))
        row.address = BOUNCED
        self.assertIsNone(reason_for(row))

    def test_the_bounce_of_a_probe_does_not_count_for_the_outbox(self):
        for event_type in (EventType.BOUNCED, EventType.COMPLAINED):
            fields = {"is_hard_bounce": True, "recipient_uncertain": False}
            self.assertTrue(harm_of(tracking_event(event_type, recipient="ann@x.com", **fields)))
            self.assertFalse(harm_of(tracking_event(event_type, recipient=BOUNCED, **fields)))
