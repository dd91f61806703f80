"""The KMS keys that encrypt topics and queues, as they should be. Pure.

Source: Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys and costs".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ... import policies
from ..grants import Grant, grant_in_policy, requests_of
from ..steps import Call, Outcome, Remark, call


def compare_key(
    title: str, key: Mapping[str, Any] | None, service: str, source: str
) -> Iterator[Outcome]:
    """The KMS key of a topic or queue, if it is encrypted with one.

    :param key: ``Arn``, ``Manager``, and ``Policy`` of a key that is not Amazon's own.
    """
    if key is None:
        return
    if key["Manager"] == "AWS":
        text = f"The {title} is encrypted with a key of AWS, which {service} may not use."
        yield Remark(text=text, fix="Encrypt it with a KMS key of your own, or not at all.")
        return
    grants = [_key_grant(service, key["Arn"], source)]
    put = partial(_put_key_policy, key["Arn"])
    yield from grant_in_policy(f"key of the {title}", key["Policy"], grants, put)


def _put_key_policy(key_arn: str, policy: str) -> Call:
    return call("kms", "put_key_policy", KeyId=key_arn, PolicyName="default", Policy=policy)


def _key_grant(service: str, key_arn: str, source: str) -> Grant:
    """A service may write into what is encrypted with a key.

    :param source: the ARN of what makes the service write.
    """
    return Grant(
        statement=policies.allow_use_of_key(service),
        requests=requests_of(service, policies.KEY_REQUESTS, key_arn, source),
    )
