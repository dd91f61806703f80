"""anymail.sandbox.aws: operations that IAM does not allow, one by one."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..local_ses import LocalSesTestCase, unique


class PermissionTests(LocalSesTestCase):
    def test_each_service_says_so_in_its_own_words(self):
        name = unique("denied")
        clients = {service: self.amazon.client(service) for service in ("kms", "s3", "sns", "sqs")}
        topic = clients["sns"].create_topic(Name=name)["TopicArn"]
        queue = clients["sqs"].create_queue(QueueName=name)["QueueUrl"]
        clients["s3"].create_bucket(Bucket=name)
        key = clients["kms"].create_key()["KeyMetadata"]["KeyId"]
        sts = self.amazon.client("sts")
        for action, code, status, call, params in (
            ("ses:GetAccount", "AccessDeniedException", 403, self.sesv2.get_account, {}),
            ("ses:GetSendQuota", "AccessDenied", 403, self.ses.get_send_quota, {}),
            ("ses:ListReceiptRuleSets", "AccessDenied", 403, self.ses.list_receipt_rule_sets, {}),
            (
                "sns:GetTopicAttributes",
                "AuthorizationError",
                403,
                clients["sns"].get_topic_attributes,
                {"TopicArn": topic},
            ),
            (
                "sqs:GetQueueAttributes",
                "AccessDenied",
                403,
                clients["sqs"].get_queue_attributes,
                {"QueueUrl": queue},
            ),
            (
                "kms:GetKeyPolicy",
                "AccessDeniedException",
                400,
                clients["kms"].get_key_policy,
                {"KeyId": key, "PolicyName": "default"},
            ),
            ("sts:GetCallerIdentity", "AccessDenied", 403, sts.get_caller_identity, {}),
            (
                "s3:ListObjectsV2",
                "AccessDenied",
                403,
                clients["s3"].list_objects_v2,
                {"Bucket": name},
            ),
        ):
            with self.subTest(action):
                call(**params)
                self.amazon.faults.denied = {action}
                found = self.refusal(call, **params)
                self.assertEqual(found[:2], (code, status))
                self.assertIn(f"is not authorized to perform: {action} because", found[2])
                self.amazon.faults.denied = set()

    def test_others_are_still_allowed(self):
        self.amazon.faults.denied = {"ses:GetAccount", "s3:GetBucketPolicy", "sns:ListTopics"}
        self.sesv2.list_email_identities()
        self.ses.list_identities()
        self.amazon.client("sqs").list_queues()
        name = unique("bucket")
        self.amazon.client("s3").create_bucket(Bucket=name)
        self.amazon.client("s3").head_bucket(Bucket=name)

    def test_every_operation_of_s3_is_told_from_the_others(self):
        name, s3 = unique("bucket"), self.amazon.client("s3")
        s3.create_bucket(Bucket=name)
        block = {"BlockPublicAcls": True}
        for operation, call, params in (
            ("ListBuckets", s3.list_buckets, {}),
            ("HeadBucket", s3.head_bucket, {"Bucket": name}),
            ("ListObjects", s3.list_objects, {"Bucket": name}),
            ("GetBucketPolicy", s3.get_bucket_policy, {"Bucket": name}),
            ("GetBucketEncryption", s3.get_bucket_encryption, {"Bucket": name}),
            ("GetBucketTagging", s3.get_bucket_tagging, {"Bucket": name}),
            ("GetPublicAccessBlock", s3.get_public_access_block, {"Bucket": name}),
            ("PutBucketPolicy", s3.put_bucket_policy, {"Bucket": name, "Policy": "{}"}),
            (
                "PutPublicAccessBlock",
                s3.put_public_access_block,
                {"Bucket": name, "PublicAccessBlockConfiguration": block},
            ),
            (
                "GetBucketLifecycleConfiguration",
                s3.get_bucket_lifecycle_configuration,
                {"Bucket": name},
            ),
            ("GetObject", s3.get_object, {"Bucket": name, "Key": "a/b"}),
            ("HeadObject", s3.head_object, {"Bucket": name, "Key": "a/b"}),
            ("PutObject", s3.put_object, {"Bucket": name, "Key": "a/b", "Body": b"x"}),
            ("DeleteObject", s3.delete_object, {"Bucket": name, "Key": "a/b"}),
        ):
            with self.subTest(operation):
                self.amazon.faults.denied = {f"s3:{operation}"}
                with self.assertRaises(ClientError) as raised:
                    call(**params)
                status = raised.exception.response["ResponseMetadata"]["HTTPStatusCode"]
                self.assertEqual(status, 403)
