"""Where SES stores received mail: buckets, and the keys that it is encrypted with.

Sources: Amazon SES Developer Guide, "Giving permissions to Amazon SES for email receiving" and
"Deliver to S3 bucket action"; Amazon S3 User Guide, "Blocking public access to your Amazon S3
storage"; AWS KMS Developer Guide, "Key policies in AWS KMS".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ... import policies
from ...policy_evaluation import Request, service_request
from ..context import Context
from ..findings import Finding, advice, command, error, not_used, ok, setting, warning
from ..principals import find_principal
from ..receipt_rules import Action, Rule, our_rules, uses_inbound
from ..resource_policies import policy_findings
from .inbound import NOT_USED

NO_POLICY = ("NoSuchBucketPolicy",)
NO_BUCKET = ("NoSuchBucket", "404")
NO_LIFECYCLE = ("NoSuchLifecycleConfiguration",)
NO_BLOCK = ("NoSuchPublicAccessBlockConfiguration",)
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
#: SES's own key, which it may always use.
SES_KEY = "alias/aws/ses"
NO_KEY = ("NotFoundException",)
#: The context of the request that decrypts a mail.
DECRYPTION = {
    "kms:EncryptionContext:aws:ses-message-id": "message",
    "kms:EncryptionContext:aws:ses-rule-name": "rule",
    "aws:SecureTransport": "true",
}
#: Days after which the printed rule deletes mail.
KEEP = 90


def buckets(context: Context) -> Iterator[Finding]:
    """D23: SES may store mail in the buckets, and the project may read it."""
    if not uses_inbound(context):
        yield not_used(NOT_USED)
        return
    used = {
        str(one["BucketName"]): (rule, one) for rule in our_rules(context) for one in rule.buckets
    }
    if not used:
        yield not_used("no rule stores mail in a bucket; see D21")
    for name, (rule, action) in sorted(used.items()):
        yield from list(_bucket(name, rule, action, context)) or [
            ok(f"{name}: SES may store mail, the project may list it")
        ]


def keys(context: Context) -> Iterator[Finding]:
    """D24: SES may encrypt with the keys, and the project may decrypt."""
    if not uses_inbound(context):
        yield not_used(NOT_USED)
        return
    used = {
        str(action["KmsKeyArn"]): rule
        for rule in our_rules(context)
        for action in rule.buckets
        if action.get("KmsKeyArn")
    }
    if not used:
        yield not_used("received mail is not encrypted with a key of its own")
    for arn, rule in used.items():
        yield from _key(arn, rule, context)


def _bucket(name: str, rule: Rule, action: Action, context: Context) -> Iterator[Finding]:
    if context.find("s3", "ListObjectsV2", missing=NO_BUCKET, Bucket=name, MaxKeys=1) is None:
        text = f"there is no bucket {name}, in which the rule {rule.name} stores mail"
        yield error(text, command(f"aws s3api create-bucket --bucket {name}{_where(context)}"))
        return
    if not action.get("IamRoleArn"):  # with a role, the policy of the bucket does not count
        yield from _bucket_policy(name, rule, context)
    yield from _public_access(name, context)
    if not context.settings.inbound_delete_s3_object:
        yield from _lifecycle(name, context)


def _where(context: Context) -> str:
    """The option for the region: "us-east-1" is the one that must not be named (CreateBucket)."""
    if context.region == "us-east-1":
        return ""
    return f" --create-bucket-configuration LocationConstraint={context.region}"


def _bucket_policy(name: str, rule: Rule, context: Context) -> Iterator[Finding]:
    found = context.find("s3", "GetBucketPolicy", missing=NO_POLICY, Bucket=name)
    partition = context.partition
    request = service_request(
        policies.SES,
        "s3:PutObject",
        f"arn:{partition}:s3:::{name}/mail",
        account=context.account,
        source=_rules(context, rule),
    )
    wanted = policies.allow_ses_to_put(name, context.account, _rules(context), partition=partition)
    put = f"aws s3api put-bucket-policy --bucket {name} --policy"
    yield from policy_findings(
        f"the bucket {name}",
        found and found["Policy"],
        [request],
        wanted,
        lambda policy: command(f"{put} {shlex.quote(policy)}"),
    )


def _public_access(name: str, context: Context) -> Iterator[Finding]:
    found = context.find("s3", "GetPublicAccessBlock", missing=NO_BLOCK, Bucket=name) or {}
    blocked = found.get("PublicAccessBlockConfiguration", {})
    if not all(blocked.get(block) for block in BLOCKS):
        options = ",".join(f"{block}=true" for block in BLOCKS)
        yield warning(
            f"{name}: Block Public Access is not on, so a mistake could publish mail",
            command(
                f"aws s3api put-public-access-block --bucket {name} "
                f"--public-access-block-configuration {options}"
            ),
        )


def _lifecycle(name: str, context: Context) -> Iterator[Finding]:
    found = context.find("s3", "GetBucketLifecycleConfiguration", missing=NO_LIFECYCLE, Bucket=name)
    rules = [] if found is None else found.get("Rules", [])
    active = [rule for rule in rules if rule.get("Status") == "Enabled"]
    if not any("Expiration" in rule for rule in active):
        expiry = {
            "ID": "delete-received-mail",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": KEEP},
        }
        changed = json.dumps({"Rules": [*rules, expiry]})
        yield warning(
            f"{name}: mail is kept for ever: nothing deletes it",
            command(
                f"aws s3api put-bucket-lifecycle-configuration --bucket {name} "
                f"--lifecycle-configuration {shlex.quote(changed)}"
            ),
        )


def _key(arn: str, rule: Rule, context: Context) -> Iterator[Finding]:
    if arn.endswith(SES_KEY):
        yield ok("SES encrypts with its own key in your account")
        return
    found = context.find("kms", "DescribeKey", missing=NO_KEY, KeyId=arn)
    if found is None:
        text = f"the rule {rule.name} encrypts with a key that does not exist: {arn}"
        yield error(text, advice("Have the rule encrypt with another key, or with none."))
        return
    about = found["KeyMetadata"]
    problems = [
        *_key_state(about),
        *_pinned(about, context),
        *_key_policy(about, rule, context),
    ]
    yield from problems or [
        ok(f"the key {about['KeyId']}: SES may encrypt mail, the project may decrypt it")
    ]


def _key_state(about: Mapping[str, Any]) -> Iterator[Finding]:
    if about["KeyState"] != "Enabled":
        enable = command(f"aws kms enable-key --key-id {about['KeyId']}")
        yield error(f"the key {about['KeyId']} is {about['KeyState'].lower()}", enable)


def _pinned(about: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """Mail with another key than that of the settings is not read."""
    pinned = context.settings.inbound_kms_key_id
    if pinned is None:
        return
    allowed = context.find("kms", "DescribeKey", missing=NO_KEY, KeyId=pinned)
    if allowed is None or allowed["KeyMetadata"]["Arn"] != about["Arn"]:
        yield error(
            f"mail is encrypted with the key {about['KeyId']}, the settings allow another one only",
            setting(f'ANYMAIL["AMAZON_SES_INBOUND_KMS_KEY_ID"] = "{about["Arn"]}"'),
        )


def _key_policy(about: Mapping[str, Any], rule: Rule, context: Context) -> Iterator[Finding]:
    """Whether the key's policy lets SES and us; it may leave us to IAM (D26)."""
    arn, principal = about["Arn"], find_principal(context).arn
    text = context.ask("kms", "GetKeyPolicy", KeyId=about["KeyId"], PolicyName="default")["Policy"]
    encryption = service_request(
        policies.SES,
        "kms:GenerateDataKey",
        arn,
        account=context.account,
        source=_rules(context, rule),
    )
    wanted = policies.allow_ses_to_encrypt(context.account, _rules(context))
    decryption = Request(
        principal=principal, action="kms:Decrypt", resource=arn, context=DECRYPTION
    )

    def judged(text: str, request: Request, statement: policies.Statement) -> list[Finding]:
        put = f"aws kms put-key-policy --key-id {about['KeyId']} --policy-name default --policy"
        return list(
            policy_findings(
                f"the key {about['KeyId']}",
                text,
                [request],
                statement,
                lambda policy: command(f"{put} {shlex.quote(policy)}"),
            )
        )

    problems = judged(text, encryption, wanted)
    yield from problems
    policy = policies.parse_policy(text)
    if policy is not None:
        # The second command replaces what the first has put.
        text = json.dumps(policies.with_statement(policy, wanted)) if problems else text
        yield from judged(text, decryption, policies.allow_to_decrypt(principal))


def _rules(context: Context, rule: Rule | None = None) -> str:
    """The ARN of a receipt rule, which SES names where it acts for it; or the pattern of all."""
    rule_set, end = ("*", "*") if rule is None else (rule.rule_set, rule.name)
    found = policies.receipt_rules(
        context.account, context.region, rule_set, partition=context.partition
    )
    return found.removesuffix("*") + end
