"""Whether a service of AWS may write into what is encrypted with a key of KMS.

Sources: AWS KMS API Reference, "DescribeKey"; Amazon SNS Developer Guide, "Managing Amazon SNS
encryption keys and costs": the policy of a key of AWS's own cannot be changed, and allows no other
service.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..policies import KEY_REQUESTS, allow_use_of_key
from ..policy_evaluation import service_request
from .context import Context
from .findings import Finding, Fix, command, error
from .resource_policies import policy_findings


def key_findings(
    context: Context, what: str, key: str, service: str, *, source: str, otherwise: Fix
) -> Iterator[Finding]:
    """What keeps a service from writing into something that is encrypted.

    :param what: that is encrypted.
    :param key: the id, ARN or alias of its key.
    :param service: for example ``"ses.amazonaws.com"``.
    :param source: the ARN of what makes the service write.
    :param otherwise: how to do without a key of AWS's own.
    :raises Unanswered: AWS does not tell.
    """
    region = source.split(":")[3] or None
    found = context.find(
        "kms", "DescribeKey", missing=("NotFoundException",), region=region, KeyId=key
    )
    if found is None:
        yield error(f"{what} is encrypted with a key that does not exist: {key}", otherwise)
        return
    about = found["KeyMetadata"]
    if about.get("KeyManager") == "AWS":
        yield error(f"{what} is encrypted with {key}, which {service} may not use", otherwise)
        return
    if about.get("KeyState") != "Enabled":
        enable = command(f"aws kms enable-key --key-id {about['KeyId']}")
        yield error(f"{what} is encrypted with a key that is {about['KeyState'].lower()}", enable)
    answer = context.ask(
        "kms", "GetKeyPolicy", region=region, KeyId=about["KeyId"], PolicyName="default"
    )
    account, arn = context.account, about["Arn"]
    put = f"aws kms put-key-policy --key-id {arn} --policy-name default --policy"
    yield from policy_findings(
        f"the key of {what}",
        answer["Policy"],
        [
            service_request(service, action, arn, account=account, source=source)
            for action in KEY_REQUESTS
        ],
        allow_use_of_key(service),
        lambda policy: command(f"{put} {shlex.quote(policy)}"),
    )
