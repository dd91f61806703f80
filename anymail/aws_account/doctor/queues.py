"""The queues that the settings name."""

from __future__ import annotations

from ..permissions.usage import Usage, queue_arn
from .context import Context


def queue_arns(context: Context) -> list[str]:
    """The ARNs of the queues in ``AMAZON_SES_QUEUES``.

    :raises Unanswered: the account is not known.
    """
    queues = context.settings.queues
    if not queues:
        return []
    usage = Usage(settings=context.settings, account=context.account, region=context.region)
    return [queue_arn(queue, usage) for queue in queues]
