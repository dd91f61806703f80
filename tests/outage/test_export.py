"""``anymail_backfill --export``: against a local SES and S3, over HTTP."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta, timezone
from traceback import format_exception
from typing import Any
from unittest import mock

from django.core.management import CommandError
from django.test import SimpleTestCase
from werkzeug.wrappers import Response

from anymail.exceptions import AnymailAPIError
from anymail.feedback.models import Bounce
from anymail.outage import asking, exported_file, exporting
from anymail.outage.download import download
from anymail.outage.exported_file import ExportError, message_ids
from anymail.outage.exporting import Period
from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.aws.ses import export_jobs
from anymail.sandbox.aws.ses.export_jobs import get_export_job
from anymail.sandbox.aws.ses.operations import OPERATIONS
from anymail.sandbox.servers import serve

from ..class_context import enter_class_context
from . import AmazonTestCase, Heard, run

ANN = "ann@example.net"
GONE, ANGRY = "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com"


class ExportTestCase(AmazonTestCase):
    """SES has messages that no app has stored, and nothing waits."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for module, name in ((asking, "INTERVAL"), (exporting, "FIRST_PAUSE")):
            enter_class_context(cls, mock.patch.object(module, name, 0.01))

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.amazon.faults.denied.clear)
        self.addCleanup(self.amazon.state.export_jobs.clear)
        self.addCleanup(self.amazon.journal._sent.clear)
        self.addCleanup(self.amazon.state.suppression.entries.clear)

    def sent(self, address: str, *kinds: str, hours: float = 0) -> str:
        """A message whose events did not come here, sent so many hours ago."""
        message_id: str = self.amazon.client("sesv2").send_email(
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": [address]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        )["MessageId"]
        mail = self.amazon.wait_for(message_id, "Send", *kinds)
        mail.at -= timedelta(hours=hours)
        return message_id

    def answer(self, **changes: Any) -> None:
        """What SES says of a job from now on."""
        changed = {"GetExportJob": lambda *args: {**get_export_job(*args), **changes}}
        patch = mock.patch.dict(OPERATIONS, changed)
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, text: str) -> None:
        """The file that SES writes."""
        patch = mock.patch.object(export_jobs.csv, "writer")
        writer = patch.start()
        self.addCleanup(patch.stop)
        writer.side_effect = lambda file: mock.Mock(writerows=lambda rows: file.write(text))


class ExportTests(ExportTestCase):
    def test_bounces_and_complaints_of_messages_that_this_site_does_not_know(self) -> None:
        bounced = self.sent(GONE, "Bounce")
        complained = self.sent(ANGRY, "Delivery", "Complaint")
        self.amazon.state.suppression.entries.clear()  # so that no list tells
        heard = Heard(self)
        code, _, _ = run("anymail_backfill", "--since", "1h", "--export")
        self.assertEqual(code, 0)
        found = {(event.message_id, str(event.event_type)) for event in heard.events}
        self.assertEqual(
            found,
            {
                (bounced, "sent"),
                (bounced, "bounced"),
                (complained, "sent"),
                (complained, "delivered"),
                (complained, "complained"),
            },
        )
        self.assertEqual(Bounce.objects.get().mail_id, bounced)

    def test_what_was_delivered_is_only_asked_about_on_request(self) -> None:
        message_id, heard = self.sent(ANN, "Delivery"), Heard(self)
        run("anymail_backfill", "--since", "1h", "--export")
        self.assertEqual(heard.events, [])
        run("anymail_backfill", "--since", "1h", "--export", "--deliveries")
        self.assertEqual({event.message_id for event in heard.events}, {message_id})

    def test_a_second_time_changes_nothing(self) -> None:
        self.sent(GONE, "Bounce")
        self.amazon.state.suppression.entries.clear()
        for _ in range(2):
            _, out, _ = run("anymail_backfill", "--since", "1h", "--export")
        self.assertEqual(Bounce.objects.count(), 1)
        self.assertIn("known already", out)

    def test_only_messages_that_were_sent_in_the_span(self) -> None:
        for hours in (1, 3, 5):
            self.sent(ANN, "Delivery", hours=hours)
        heard = Heard(self)
        run("anymail_backfill", "--since", "4h", "--until", "2h", "--export", "--deliveries")
        self.assertEqual(len({event.message_id for event in heard.events}), 1)

    def test_a_rehearsal_only_counts(self) -> None:
        self.sent(ANN, "Delivery")
        heard = Heard(self)
        args = ("--since", "1h", "--export", "--deliveries", "--dry-run")
        _, out, _ = run("anymail_backfill", *args)
        self.assertIn("2 events would be given to receivers", out)
        self.assertEqual(heard.events, [])

    def test_no_message_is_no_error(self) -> None:
        code, out, _ = run("anymail_backfill", "--since", "1h", "--export")
        self.assertEqual((code, out), (0, "0 events given to receivers\n"))

    def test_the_time_is_halved_until_ses_exports_all(self) -> None:
        sent = {self.sent(ANN, "Delivery", hours=hours) for hours in (1, 2, 4, 7)}
        heard = Heard(self)
        with mock.patch.object(exporting, "MAX_RESULTS", 2):
            _, out, err = run("anymail_backfill", "--since", "8h", "--export", "--deliveries")
        self.assertEqual({event.message_id for event in heard.events}, sent)
        self.assertIn("There are 2 messages or more, so half of the time: ", err)
        self.assertNotIn("in one second", out)

    def test_more_in_a_second_than_ses_exports_is_told(self) -> None:
        for _ in range(3):
            self.sent(ANN, "Delivery")
        for mail in self.amazon.journal.sent():
            mail.at = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
        heard = Heard(self)
        with mock.patch.object(exporting, "MAX_RESULTS", 2):
            _, out, _ = run("anymail_backfill", "--since", "2h", "--export", "--deliveries")
        self.assertEqual(len({event.message_id for event in heard.events}), 2)
        self.assertIn("1 times 10,000 messages in one second: SES exports no more", out)

    def test_ses_may_count_more_than_the_file_has_rows(self) -> None:
        """So the time is halved here, too."""
        self.answer(Statistics={"ExportedRecordsCount": 10_000})
        self.sent(ANN, "Delivery")
        args = ("--since", "2h", "--export", "--deliveries")
        with mock.patch.object(Period, "halves", return_value=[]) as halves:
            run("anymail_backfill", *args)
        halves.assert_called_once()

    def test_a_job_that_fails_says_why(self) -> None:
        failure = {"ErrorMessage": "no room for ann@example.net"}
        self.answer(JobStatus="FAILED", FailureInfo=failure)
        with self.assertRaises(CommandError) as caught:
            run("anymail_backfill", "--since", "1h", "--export")
        self.assertEqual(caught.exception.returncode, 2)
        self.assertRegex(
            str(caught.exception), r"job \S+ is FAILED: no room for \*\*\*@example.net"
        )

    def test_a_job_that_somebody_cancels(self) -> None:
        self.answer(JobStatus="CANCELLED")
        with self.assertRaisesRegex(
            CommandError, "is CANCELLED: no reason is given. Run the command"
        ):
            run("anymail_backfill", "--since", "1h", "--export")

    def test_what_ses_refuses_is_an_error(self) -> None:
        self.amazon.faults.denied.add("ses:CreateExportJob")
        with self.assertRaisesRegex(CommandError, "AccessDenied"):
            run("anymail_backfill", "--since", "1h", "--export")

    def test_options_that_need_it(self) -> None:
        for args in (["--deliveries"], ["--export-job", "x"]):
            with self.assertRaisesRegex(CommandError, "--deliveries and --export-job need"):
                run("anymail_backfill", "--since", "1h", *args)


class GoingOnTests(ExportTestCase):
    """The command ends early, and says how to go on."""

    def options(self, text: str) -> list[str]:
        """Those that it told to use."""
        return text.rpartition("all after it: ")[2].split()

    def test_a_job_that_takes_long_is_gone_on_with(self) -> None:
        message_id, heard = self.sent(ANN, "Delivery"), Heard(self)
        args = ("anymail_backfill", "--since", "1h", "--export", "--deliveries")
        with mock.patch.dict(OPERATIONS, {"GetExportJob": lambda *_: {"JobStatus": "PROCESSING"}}):
            code, _, err = run(*args, "--max-seconds", "0.5")
        self.assertEqual((code, heard.events), (0, []))
        run("anymail_backfill", *self.options(err), "--deliveries")
        self.assertEqual({event.message_id for event in heard.events}, {message_id})
        [(_, job_id)] = self.amazon.state.export_jobs  # no other was begun
        self.assertIn(job_id, self.options(err))

    def test_what_comes_after_the_job_is_exported_as_well(self) -> None:
        sent = {self.sent(ANN, "Delivery", hours=hours) for hours in (3, 1)}
        heard = Heard(self)
        args = ("anymail_backfill", "--export", "--deliveries", "--since", "4h")
        with mock.patch.dict(OPERATIONS, {"GetExportJob": lambda *_: {"JobStatus": "PROCESSING"}}):
            run(*args, "--until", "2h", "--max-seconds", "0.5")
        [(_, job_id)] = self.amazon.state.export_jobs
        run(*args, "--export-job", job_id)
        self.assertEqual({event.message_id for event in heard.events}, sent)
        self.assertEqual(len(self.amazon.state.export_jobs), 2)

    def test_after_an_error_too(self) -> None:
        self.sent(ANN, "Delivery")
        self.amazon.faults.denied.add("ses:GetMessageInsights")
        with self.assertRaises(CommandError) as caught:
            run("anymail_backfill", "--since", "1h", "--export", "--deliveries")
        [(_, job_id)] = self.amazon.state.export_jobs
        self.assertEqual(self.options(str(caught.exception))[-1], job_id)

    def test_a_job_of_another_kind_is_refused(self) -> None:
        self.answer(JobStatus="COMPLETED", ExportDataSource={"MetricsDataSource": {}})
        self.amazon.state.export_jobs[CREDENTIALS["region_name"], "metrics"] = {
            "JobId": "metrics",
            "JobStatus": "FAILED",
            "ExportDestination": {"DataFormat": "CSV"},
        }
        with self.assertRaisesRegex(CommandError, "job metrics is not one of message insights"):
            run("anymail_backfill", "--since", "1h", "--export", "--export-job", "metrics")


class FileTests(ExportTestCase):
    """What SES writes, and where."""

    def test_a_message_is_asked_about_once(self) -> None:
        message_id, heard = self.sent(ANN, "Delivery"), Heard(self)
        self.write(f"MESSAGE_ID\r\n{message_id}\r\n{message_id}\r\n")
        run("anymail_backfill", "--since", "1h", "--export", "--ask-insights")
        self.assertEqual(len(heard.events), 2)

    def test_rows_without_a_message_id_are_counted(self) -> None:
        self.write('Message ID,From\r\n"=HYPERLINK()",x\r\n,x\r\n')
        _, out, _ = run("anymail_backfill", "--since", "1h", "--export")
        self.assertIn("2 without a valid message id in the file of SES", out)

    def test_without_the_column_it_says_which_there_are(self) -> None:
        self.write("Id,ann@example.net,Su\x00bject\r\n1,2,3\r\n")
        with self.assertRaises(CommandError) as caught:
            run("anymail_backfill", "--since", "1h", "--export")
        self.assertIn("but: Id, ***@example.net, Su?bject.", str(caught.exception))
        self.assertIn("Use --ask-insights instead of --export", str(caught.exception))

    def test_a_file_that_cannot_be_fetched_is_tried_again_with_a_new_url(self) -> None:
        message_id, heard = self.sent(ANN, "Delivery"), Heard(self)
        urls = iter([f"{self.amazon.url}/no-such-bucket/x?X-Amz-Credential=a/b/c/s3/d"])

        def expires(*args: Any) -> Any:
            answer = get_export_job(*args)
            destination = answer["ExportDestination"]
            if answer["JobStatus"] == "COMPLETED" and (url := next(urls, None)):
                return {**answer, "ExportDestination": {**destination, "S3Url": url}}
            return answer

        with mock.patch.dict(OPERATIONS, {"GetExportJob": expires}):
            run("anymail_backfill", "--since", "1h", "--export", "--deliveries")
        self.assertEqual({event.message_id for event in heard.events}, {message_id})

    def test_its_url_is_not_shown(self) -> None:
        for url in (
            f"{self.amazon.url}/no-such-bucket/secret?X-Amz-Credential=a/b/c/s3/d",
            "http://203.0.113.1/secret",
            "https://127.0.0.1:1/secret",
            "https://[/secret",
        ):
            with self.subTest(url), self.assertRaises(CommandError) as caught:
                self.answer(ExportDestination={"DataFormat": "CSV", "S3Url": url})
                run("anymail_backfill", "--since", "1h", "--export")
            self.assertNotIn("secret", "".join(format_exception(caught.exception)))


class DownloadTests(SimpleTestCase):
    def fetch(self, application: Any) -> bytes:
        with serve(application, "127.0.0.1", 0) as url, download(f"{url}/a?b", url) as chunks:
            return b"".join(chunks)

    def test_what_is_there(self) -> None:
        self.assertEqual(self.fetch(Response(b"a" * 40_000)), b"a" * 40_000)

    def test_a_redirect_is_not_followed(self) -> None:
        with self.assertRaisesRegex(AnymailAPIError, "the HTTP status is 307"):
            self.fetch(Response(status=307, headers={"Location": "http://127.0.0.1:1/"}))

    def test_a_file_that_ends_early_is_an_error(self) -> None:
        def ends_early(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", "1000")])
            return [b"MessageId"]

        with self.assertRaisesRegex(AnymailAPIError, "the connection failed .ChunkedEncodingError"):
            self.fetch(ends_early)

    def test_http_is_only_for_the_ses_that_was_asked(self) -> None:
        for url in ("http://127.0.0.1:1/a", "s3://bucket/key", "file:///etc/passwd", "https:///a"):
            with (
                self.subTest(url),
                self.assertRaisesRegex(ExportError, "does not begin with https"),
                download(url, "http://127.0.0.1:2"),
            ):
                pass


class ContentTests(SimpleTestCase):
    def found(self, *chunks: bytes) -> list[str]:
        return list(message_ids(chunks))

    def test_the_column_is_known_by_its_letters(self) -> None:
        for name in ("MessageId", "message_id", "Message ID", "\ufeffMESSAGE-ID", '"Message Id"'):
            with self.subTest(name):
                self.assertEqual(self.found(f"From,{name}\nx,0100-a\n".encode()), ["0100-a"])

    def test_pieces_may_end_anywhere(self) -> None:
        whole = '\ufeffSubject,MessageId\r\n"Käse\r\n""x""",0100-a\r\n\r\ny,0100-b'.encode()
        for size in range(1, 12):
            chunks = (whole[at : at + size] for at in range(0, len(whole), size))
            self.assertEqual(self.found(*chunks), ["0100-a", "0100-b"])

    def test_a_compressed_file(self) -> None:
        packed = gzip.compress(b"MessageId\n0100-a\n")
        self.assertEqual(self.found(packed[:15], packed[15:]), ["0100-a"])
        with self.assertRaisesRegex(ExportError, "ends in the middle"):
            self.found(packed[:-8])

    def test_an_empty_file_has_no_messages(self) -> None:
        for content in (b"", b"\n", b"MessageId\n"):
            self.assertEqual(self.found(content), [])

    def test_what_a_message_id_cannot_be(self) -> None:
        for cell in ("../x", "a b", "ä", "x" * 201, "<a@b>", ""):
            self.assertEqual(self.found(f'x,MessageId\nx,"{cell}"\n'.encode()), [""])
        self.assertEqual(self.found(b"x,MessageId\nx\n"), [""])

    def test_lines_and_cells_that_are_too_long_are_refused(self) -> None:
        line = b"x" * 500_000
        for text, chunks in {
            "cannot be read as CSV, after line ": [b'MessageId\n"', line, b"\n"],
            "a line of more than 1,048,576 characters": [b"MessageId\n", *[line] * 3],
        }.items():
            with self.subTest(text), self.assertRaisesRegex(ExportError, text):
                self.found(*chunks)

    @mock.patch.object(exported_file, "MAX_BYTES", 1_000_000)
    def test_a_file_that_is_too_large_is_refused_compressed_or_not(self) -> None:
        content = b"MessageId\n" + b"0100-a\n" * 200_000
        for file in (content, gzip.compress(content)):
            with self.assertRaisesRegex(ExportError, "has more than 1,000,000 bytes"):
                self.found(file)

    def test_other_kinds_of_files(self) -> None:
        for content in (b"PK\x03\x04", b'{"MessageId": "a"}', b"a;MessageId", b"\xff\xfe\x00M"):
            with self.subTest(content), self.assertRaisesRegex(ExportError, "has no column with"):
                self.found(content)


class PeriodTests(SimpleTestCase):
    def test_halves_have_every_second_once(self) -> None:
        start = datetime(2026, 11, 30, tzinfo=timezone.utc)
        for seconds in range(1, 10):
            whole = Period(start=start, end=start + timedelta(seconds=seconds))
            first, second = whole.halves()
            self.assertEqual((first.start, second.end), (whole.start, whole.end))
            self.assertEqual(second.start - first.end, timedelta(seconds=1))
            self.assertLessEqual(first.start, first.end)
        self.assertEqual(Period(start=start, end=start).halves(), [])
