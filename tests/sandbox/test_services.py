"""anymail.sandbox.aws: which of moto's services, how much of them, and nothing else of moto."""

from __future__ import annotations

from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from anymail.sandbox.aws import queues
from anymail.sandbox.aws.defaults import ACCOUNT, CREDENTIALS
from anymail.sandbox.aws.receive import s3
from anymail.sandbox.aws.receive.s3 import s3_action
from anymail.sandbox.journal import ReceivedMail

from ..local_ses import LocalSesTestCase, unique

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20250304/us-east-1/ses/aws4_request, SignedHeaders=host, "
    "Signature=0"
)
FORM = "application/x-www-form-urlencoded"


class OtherServicesTests(LocalSesTestCase):
    """What is not for SES or SNS is moto's, as it came: what the sandbox is for, and no more."""

    def ask(
        self, service: str, method: str = "POST", path: str = "/", body: Any = b"", **more: str
    ):
        authorization = AUTHORIZATION.replace("/ses/", f"/{service}/")
        return self.amazon.request(method, path, body, Authorization=authorization, **more)

    def test_services_that_the_sandbox_does_not_have(self):
        for service in ("batch", "lambda", "ec2", "events", "cloudformation", "moto_api",
                        "instance_metadata", "s3control", "dynamodb", "ssm", ""):  # fmt: skip
            for method, path, body in (
                ("POST", "/", b"Action=RunInstances&Version=2016-11-15"),
                ("POST", "/v1/createcomputeenvironment", b"{}"),
                ("POST", "/2015-03-31/functions", b"{}"),
                ("GET", "/moto-api/data.json", None),
            ):
                with self.subTest(service=service, path=path):
                    status, _, answer = self.ask(service, method, path, body)
                    self.assertEqual((status, b"NotImplemented" in answer), (400, True))
        with self.assertRaisesMessage(ClientError, "does not have the service 'lambda'"):
            self.amazon.client("lambda").list_functions()

    def test_motos_own_api_is_out_of_reach(self):
        marker = unique("kept")
        self.amazon.client("s3").create_bucket(Bucket=marker)
        for method, path in (
            ("POST", "/moto-api/reset"),
            ("POST", "/moto-api/config"),
            ("POST", "/moto-api/proxy/passthrough"),
            ("GET", "/moto-api/recorder/download-recording"),
            ("POST", "/moto-api/recorder/start-recording"),
            ("POST", "//moto-api/reset"),
            ("POST", "/%6doto-api/reset"),
            ("GET", "/moto-api/"),
            ("GET", "/latest/meta-data/iam/security-credentials/"),
            ("PUT", "/latest/api/token"),
            ("GET", "/favicon.ico"),
        ):
            with self.subTest(path=path):
                status, _, answer = self.amazon.request(method, path, b"")
                self.assertEqual((status, b"MissingAuthenticationToken" in answer), (403, True))
            for service in ("s3", "sqs", "sns", "ses"):
                with self.subTest(path=path, service=service):
                    status, _, answer = self.ask(service, method, path, b"")
                    self.assertGreaterEqual(status, 400)
        self.amazon.client("s3").head_bucket(Bucket=marker)

    def test_nobody_becomes_somebody_else(self):
        form = b"Action=AssumeRole&RoleArn=arn:aws:iam::111111111111:role/a&RoleSessionName=abc"
        for body in (form, b"Action=GetCallerIdentity&" + form, b""):
            with self.subTest(body):
                status, _, answer = self.ask("sts", body=body, Content_Type=FORM)
                self.assertEqual((status, b"<Error>" in answer), (400, True), answer)

    def test_requests_that_moto_does_not_understand(self):
        form, json_1_0 = {"Content_Type": FORM}, {"Content_Type": "application/x-amz-json-1.0"}
        for service, body, headers in (
            ("kms", b"{}", {**json_1_0, "X_Amz_Target": "TrentService.Everything"}),
            ("kms", b"\xff", json_1_0),
            ("sqs", b"{", {**json_1_0, "X_Amz_Target": "AmazonSQS.SendMessage"}),
            ("sqs", b"Action=Everything", form),
            ("sns", b"", form),
            ("sns", b"Action=Publish&Message=%FF", form),
        ):
            with self.subTest(service=service, body=body):
                status, _, answer = self.ask(service, body=body, **headers)
                self.assertIn(status, (400, 404), answer)

    def test_urls_that_are_signed_read_and_write_objects(self):
        s3, bucket = self.amazon.client("s3"), unique("bucket")
        s3.create_bucket(Bucket=bucket)
        for version in ("s3", "s3v4"):
            signer = boto3.session.Session(**CREDENTIALS).client(
                "s3", endpoint_url=self.amazon.url, config=Config(signature_version=version)
            )
            params = {"Bucket": bucket, "Key": "a"}
            for method, operation, body in (
                ("PUT", "put_object", b"x"),
                ("GET", "get_object", None),
            ):
                url = signer.generate_presigned_url(operation, Params=params)
                path = url.removeprefix(self.amazon.url)
                status, _, answer = self.amazon.request(method, path, body)
                self.assertEqual(status, 200, answer)
            self.assertEqual(answer, b"x")

    def test_who_asks(self):
        found = self.amazon.client("sts").get_caller_identity()
        self.assertEqual(found["Account"], ACCOUNT)

    def test_iam_allows_everything(self):
        found = self.amazon.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/sandbox",
            ActionNames=["ses:SendRawEmail", "sqs:ReceiveMessage"],
            ResourceArns=[f"arn:aws:sqs:us-east-1:{ACCOUNT}:events"],
        )
        self.assertEqual(
            [
                (each["EvalActionName"], one["EvalResourceName"], one["EvalResourceDecision"])
                for each in found["EvaluationResults"]
                for one in each["ResourceSpecificResults"]
            ],
            [
                ("ses:SendRawEmail", f"arn:aws:sqs:us-east-1:{ACCOUNT}:events", "allowed"),
                ("sqs:ReceiveMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:events", "allowed"),
            ],
        )

    def test_iam_has_nothing_else(self):
        with self.assertRaisesRegex(ClientError, "does not have the service 'iam'"):
            self.amazon.client("iam").list_roles()

    def test_there_is_one_account(self):
        self.ask("sqs", body=f"Action=CreateQueue&QueueName={unique('q')}".encode(),
                 Content_Type=FORM, x_moto_account_id="111111111111")  # fmt: skip
        self.assertNotIn("111111111111", sqs_backends)

    def test_sqs(self):
        sqs = self.amazon.client("sqs")
        url = sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
        text = '{"a": "x&y=z"}'
        sqs.send_message(QueueUrl=url, MessageBody=text)
        [found] = sqs.receive_message(QueueUrl=url)["Messages"]
        self.assertEqual(found["Body"], text)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])

    def test_queues_hold_so_much_of_what_sns_publishes(self):
        # Other tests' queues are moto's, too.
        waiting = [
            str(message.body)
            for backend in sqs_backends[ACCOUNT].values()
            for queue in backend.queues.values()
            for message in queue._messages
        ]
        size = sum(map(len, waiting))
        for bound in ({"MAX_MESSAGES": len(waiting) + 1}, {"MAX_MESSAGE_BYTES": size + 1}):
            topic = self.amazon.topic()
            with mock.patch.multiple(queues, **bound):
                self.amazon.client("sns").publish(TopicArn=topic.arn, Message="a")
                with self.assertLogs("anymail.sandbox.aws.sns", "WARNING") as logs:
                    self.amazon.client("sns").publish(TopicArn=topic.arn, Message="b")
            self.assertIn("The sandbox's queues are full", logs.output[0])
            self.assertEqual([found["Message"] for found in topic.published()], ["a"])

    def test_s3(self):
        s3, bucket = self.amazon.client("s3"), unique("bucket")
        s3.create_bucket(Bucket=bucket)
        content = bytes(range(256)) * 20_000
        s3.put_object(Bucket=bucket, Key="a/é", Body=content)
        found = s3.get_object(Bucket=bucket, Key="a/é")["Body"].read()
        self.assertEqual(found, content)
        s3.upload_fileobj(Unread(content), bucket, "stream")  # in chunks with trailers
        self.assertEqual(s3.get_object(Bucket=bucket, Key="stream")["Body"].read(), content)

    def test_kms(self):
        kms = self.amazon.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = kms.encrypt(KeyId=key, Plaintext=b"a")["CiphertextBlob"]
        self.assertEqual(kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"a")

    def test_what_moto_has_of_ses(self):
        domain = f"{unique('d')}.example"
        self.ses.verify_domain_identity(Domain=domain)
        self.assertIn(domain, self.ses.list_identities()["Identities"])
        found = self.sesv2.list_email_identities()["EmailIdentities"]
        self.assertIn(domain, [one["IdentityName"] for one in found])

    def test_received_mail_takes_the_place_of_the_oldest(self):
        bucket = unique("bucket")
        self.amazon.client("s3").create_bucket(Bucket=bucket)
        kept = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys
        for bound in ({"MAX_OBJECT_BYTES": 10}, {"MAX_OBJECTS": 2}):
            with mock.patch.multiple(s3, **bound):
                for id in ("a", "b", "c"):
                    s3_action(received(id, b"12345"), "r", {"BucketName": bucket})
            self.assertEqual(list(kept), ["b", "c"])


def received(id: str, raw: bytes) -> ReceivedMail:
    return ReceivedMail(id=id, sender="", recipients=[], raw=raw, rule="", action="", verdicts={})


class Unread:
    """A stream whose length nobody knows."""

    def __init__(self, content: bytes) -> None:
        self._content, self._position = content, 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._content) if size < 0 else self._position + size
        found, self._position = self._content[self._position : end], end
        return found
