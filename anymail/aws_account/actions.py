"""The IAM actions of calls, and how AWS refuses them. Source: Service Authorization Reference."""

from __future__ import annotations

from ..amazon_ses import sqs

#: Error codes that say that IAM does not allow a call (the services' "Common errors").
REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "403",  # of HEAD requests, which have no body
    }
)
#: The prefix of the actions of a service, where boto3 has another name for the service.
PREFIXES = {"sesv2": "ses"}
#: The actions of calls that are not named like them.
ACTIONS: dict[str, tuple[str, ...]] = {
    # Not in that reference: what SES's refusals name.
    "sesv2:SendEmail": ("ses:SendRawEmail", "ses:SendEmail"),
    "sesv2:SendBulkEmail": ("ses:SendBulkEmail", "ses:SendBulkTemplatedEmail"),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    **{f"sqs:{call}": (f"sqs:{action}",) for call, action in sqs.ACTIONS.items()},
}


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that a call needs.

    :param service: boto3's name, for example ``"sesv2"``.
    :param operation: the API's name, for example ``"GetAccount"``.
    """
    named = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(f"{service}:{operation}", (named,))
