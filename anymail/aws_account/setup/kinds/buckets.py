"""Buckets for received mail, as they should be. Pure.

Sources: Amazon S3 API Reference; Amazon SES Developer Guide, "Giving permissions to Amazon SES for
email receiving".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ... import policies
from ..grants import Grant, grant_in_policy, requests_of
from ..resources import Bucket, Place
from ..steps import Call, Context, Outcome, Remark, addition, call, tag_list

#: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage".
PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def create_bucket(spec: Bucket, context: Context) -> Call:
    """In the region of the rules; "us-east-1" is the one that must not be named."""
    region = context.place.region
    where = None if region == "us-east-1" else {"LocationConstraint": region}
    return call("s3", "create_bucket", Bucket=spec.name, CreateBucketConfiguration=where)


def compare_bucket(spec: Bucket, found: Mapping[str, Any], context: Context) -> Iterator[Outcome]:
    """SES is let in; what deletes mail or shuts others out is added to buckets of ours only.

    :param found: ``Policy``, ``Public`` (block public access), ``Lifecycle`` (rules), ``TagSet``;
        None for what it has not.
    """
    region = found.get("Region", context.place.region)
    if region != context.place.region:
        text = f"The {spec.title} is in {region}, not in {context.place.region}."
        yield Remark(
            text=text, fix='Take it out of ANYMAIL["AMAZON_SES_INBOUND_BUCKETS"].', is_blocking=True
        )
        return
    changes: dict[str, tuple[str, str, dict[str, Any]]] = {
        "TagSet": ("tags", "put_bucket_tagging", {"Tagging": {"TagSet": tag_list(context.tags)}}),
        "Public": (
            "Block Public Access",
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": PUBLIC_ACCESS_BLOCK},
        ),
        "Lifecycle": (
            f"deletion of mail after {spec.expires_after} days",
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": {"Rules": [expiry(spec)]}},
        ),
    }
    for name, (text, operation, params) in changes.items():
        if found.get(name):
            continue
        made = call("s3", operation, Bucket=spec.name, **params)
        if spec.is_ours:
            yield addition(f"{spec.title}: {text}", made)
        elif name != "TagSet":
            yield Remark(text=f"The {spec.title} lacks: {text}.", fix=made)
    grants = [bucket_grant(spec, context.place)]
    put = partial(_put_policy, spec.name)
    yield from grant_in_policy(spec.title, found.get("Policy"), grants, put)


def expiry(spec: Bucket) -> dict[str, Any]:
    """A rule of a lifecycle: mail is deleted after some days."""
    return {
        "ID": "delete-received-mail",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": spec.expires_after},
    }


def bucket_grant(spec: Bucket, place: Place) -> Grant:
    """SES may store mail in a bucket, by any rule of the account and region."""
    account, partition = place.account, place.partition
    rules = policies.receipt_rules(account, place.region, partition=partition)
    mail = f"arn:{partition}:s3:::{spec.name}/mail"
    return Grant(
        statement=policies.allow_ses_to_put(spec.name, account, rules, partition=partition),
        requests=requests_of(policies.SES, ("s3:PutObject",), mail, spec.source),
    )


def _put_policy(bucket: str, policy: str) -> Call:
    return call("s3", "put_bucket_policy", Bucket=bucket, Policy=policy)
