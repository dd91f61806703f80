"""A probe goes out, and its events come back through another process."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import skipUnless

from anymail.probes import SIMULATOR

from ....amazon_ses.test_shared_rate import answers
from ....command_processes import end
from . import PRIVATE, ProbeTestCase

OUTBOX = "anymail.backends.outbox.EmailBackend"
EVENTS = ["delivered", "bounced", "complained"]


class WebhookTests(ProbeTestCase):
    def test_says_when_each_event_came(self):
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            code, output = site.run("anymail_doctor", "--probe")
        self.assertRegex(
            output,
            r"^mail loop: sent \d\.\d s, delivered \d+\.\d s, bounced \d+\.\d s, "
            r"complained \d+\.\d s\n$",
        )
        self.assertEqual(code, 0, site.log())

    def test_several_at_once_hear_each_of_their_own(self):
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            with ThreadPoolExecutor(3) as pool:
                results = list(pool.map(lambda _: site.probe(), range(3)))
            self.assertEqual([code for code, _ in results], [0, 0, 0])
            self.assertEqual(len({found["nonce"] for _, found in results}), 3)

    def test_a_receiver_that_fails_hides_nothing(self):
        app = "tests.aws_account.doctor.probe.failing_receivers.FailingReceiversConfig"
        with self.site(app) as site, site.serving() as url:
            self.subscribe(url)
            code, found = site.probe()
            self.assertIn("a bug in somebody's receiver", site.log())
        self.assertEqual((code, found["missing"]), (0, []))

    def test_names_the_events_that_are_missing(self):
        self.set = self.amazon.configuration_set(self.topic, ["BOUNCE"])
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            code, found = site.probe("--timeout", "2")
        self.assertEqual((code, found["missing"]), (1, ["delivered", "complained"]))
        self.assertIn("bounced", found["times"])
        self.assertIn("D11", found["advice"][0])

    def test_without_a_subscription_says_where_to_look(self):
        with self.site() as site:
            code, output = site.run("anymail_doctor", "--probe", "--timeout", "1")
        self.assertEqual(code, 1)
        self.assertRegex(output, r"missing after \d+\.\d s: delivered, bounced, complained\n")
        self.assertIn("anymail_doctor D10 D11", output)

    def test_a_process_that_is_killed_leaves_notes_that_expire(self):
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            process = site.start("anymail_doctor", "--probe", "--from", "nobody@example.com")
            while not list((site.folder / "cache").glob("*")):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            end(process)
            self.assertEqual(site.probe()[0], 0)
            self.assertEqual(_eternal(site.folder / "cache"), [])


class CacheTests(ProbeTestCase):
    @skipUnless(answers(6379), "no Redis answers on 127.0.0.1:6379")
    def test_redis(self):
        cache = "django.core.cache.backends.redis.RedisCache"
        with self.site(cache=cache, location="redis://127.0.0.1:6379/5") as site:
            self.assert_complete(site)

    def test_a_table(self):
        cache = "django.core.cache.backends.db.DatabaseCache"
        with self.site(cache=cache, location="cache") as site:
            self.assertEqual(site.run("createcachetable")[0], 0)
            self.assert_complete(site)

    def assert_complete(self, site):
        with site.serving() as url:
            self.subscribe(url)
            code, found = site.probe()
        self.assertEqual((code, found["missing"]), (0, []), site.log())


class InboundTests(ProbeTestCase):
    def test_the_domain_of_the_rules_is_found(self):
        """Only if its MX record leads to SES: elsewhere the mail would bounce."""
        self.receive_mail("in.example.com")
        mx = "10 inbound-smtp.us-east-1.amazonaws.com."
        topics = [self.topic.arn]
        with (
            self.amazon.nameserver() as nameserver,
            self.site(AMAZON_SES_SNS_TOPIC_ARNS=topics) as site,
            site.serving() as url,
        ):
            self.subscribe(url)
            for record, options, received in (
                ("10 mail.example.net.", [], False),
                (mx, [], True),
                (mx, ["--no-inbound"], False),
            ):
                with self.subTest(record=record, options=options):
                    self.amazon.dns.replace("in.example.com", "MX", record)
                    code, found = site.probe("--nameserver", nameserver, *options)
                    self.assertEqual((code, "inbound" in found["times"]), (0, received), found)

    def test_a_mail_to_a_receiving_domain_comes_back(self):
        self.receive_mail("in.example.com")
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            code, found = site.probe("--inbound-domain", "in.example.com")
        self.assertEqual((code, sorted(found["times"])), (0, sorted(["sent", "inbound", *EVENTS])))
        self.assertEqual(found["received"]["verdicts"]["dmarc"], "PASS")
        self.assertFalse(found["received"]["covers_one_click"])

    def test_a_mail_that_does_not_come_back_is_missing(self):
        with self.site() as site, site.serving() as url:
            self.subscribe(url)
            code, output = site.run(
                *("anymail_doctor", "--probe", "--timeout", "3"),
                *("--inbound-domain", "in.example.com"),
            )
        self.assertEqual(code, 1)
        self.assertRegex(output, r"missing after \d+\.\d s: received\n")
        self.assertIn("anymail_doctor D21", output)

    def test_needs_a_shared_cache(self):
        with self.site("anymail.feedback", cache=PRIVATE) as site:
            code, output = site.run(
                "anymail_doctor", "--probe", "--inbound-domain", "in.example.com"
            )
        self.assertEqual(code, 2)
        self.assertIn("CACHES", output)
        self.assertNotIn("anymail.feedback", output)


class FeedbackTests(ProbeTestCase):
    def test_the_tables_tell_where_the_cache_is_not_shared(self):
        suppress = ["hard_bounce", "complaint"]
        with self.site("anymail.feedback", cache=PRIVATE, FEEDBACK_SUPPRESS=suppress) as site:
            with site.serving() as url:
                self.subscribe(url)
                results = [site.probe() for _ in range(2)]
            listed = site.run("shell", "-c", LISTED)[1]
        self.assertEqual([code for code, _ in results], [0, 0])
        self.assertEqual(json.loads(listed.splitlines()[-1]), [2, 0])

    def test_without_either_says_what_to_set(self):
        with self.site(cache=PRIVATE) as site:
            code, output = site.run("anymail_doctor", "--probe")
        self.assertEqual(code, 2)
        self.assertIn('CACHES["default"] (LocMemCache)', output)
        self.assertIn('"anymail.feedback"', output)
        self.assertEqual(self.amazon.journal.sent(), [])


#: How many bounces are stored, and how many addresses are suppressed.
LISTED = (
    "from anymail.feedback.models import Bounce, Suppression; import json; "
    "print(json.dumps([Bounce.objects.count(), Suppression.objects.count()]))"
)


class QueueTests(ProbeTestCase):
    def test_a_consumer_brings_the_events(self):
        with self.site() as site:
            consumer = site.start("anymail_consume", self.topic.queue)
            code, found = site.probe()
            consumer.terminate()
            end(consumer)
        self.assertEqual((code, found["missing"]), (0, []), site.environment)


class OutboxTests(ProbeTestCase):
    def test_a_worker_delivers(self):
        with self.outbox() as site, site.serving() as url:
            self.subscribe(url)
            worker = site.start("anymail_deliver")
            code, found = site.probe()
            worker.terminate()
            end(worker)
        self.assertEqual((code, sorted(found["times"])), (0, sorted(["stored", *EVENTS])))

    def test_without_a_worker_asks_for_one(self):
        with self.outbox() as site:
            code, found = site.probe("--timeout", "1")
        self.assertEqual(code, 1)
        self.assertEqual(
            found["advice"],
            ["The outbox has not sent 3 messages: is manage.py anymail_deliver running?"],
        )

    def outbox(self):
        ses = "anymail.backends.amazon_ses.EmailBackend"
        return self.site("anymail.outbox", backend=OUTBOX, OUTBOX_BACKEND=ses)


class MailerTests(ProbeTestCase):
    def test_mail_that_goes_elsewhere_proves_nothing(self):
        with self.site(backend="django.core.mail.backends.console.EmailBackend") as site:
            code, output = site.run("anymail_doctor", "--probe")
        self.assertEqual(code, 2)
        self.assertIn("does not send with Amazon SES", output)
        self.assertNotIn(SIMULATOR, output)

    def test_a_mailer_that_does_not_exist(self):
        with self.site() as site:
            code, output = site.run("anymail_doctor", "--probe", "--mailer", "nobody")
        self.assertEqual(code, 2)
        self.assertIn("MAILERS has no 'nobody'", output)
        self.assertEqual(self.amazon.journal.sent(), [])

    def test_an_error_of_ses_is_told(self):
        with self.site(AMAZON_SES_CONFIGURATION_SET_NAME="no-such-set") as site:
            code, found = site.probe()
        self.assertEqual(code, 1)
        self.assertIn("no-such-set", found["problems"][0])


def _eternal(folder: Path) -> list[str]:
    """The files of a cache that never expire."""
    import pickle

    found = []
    for path in folder.glob("*.djcache"):
        with open(path, "rb") as file:
            if pickle.load(file) is None:
                found.append(path.name)
    return found
