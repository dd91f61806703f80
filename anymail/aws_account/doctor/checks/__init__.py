"""Every check, in the order in which they are run."""

from __future__ import annotations

from ..check import Check, Group
from . import (
    account,
    certificates,
    configuration_sets,
    dkim,
    dmarc,
    identities,
    inbound,
    installation,
    lost_events,
    mail_from,
    mail_storage,
    notifications,
    permissions,
    queues,
    recommendations,
    subscriptions,
    suppression,
    tenants,
    topics,
    unsubscribing,
    webhook,
)

CHECKS: tuple[Check, ...] = (
    Check(id="D01", title="Credentials", group=Group.ACCOUNT, run=account.credentials),
    Check(id="D02", title="Clock", group=Group.ACCOUNT, run=account.clock),
    Check(id="D03", title="Account status", group=Group.ACCOUNT, run=account.status),
    Check(id="D04", title="Send rate and quota", group=Group.ACCOUNT, run=account.quota),
    Check(id="D05", title="Senders", group=Group.SENDER, run=identities.verified),
    Check(id="D06", title="DKIM", group=Group.SENDER, run=dkim.signatures),
    Check(id="D07", title="MAIL FROM domain", group=Group.SENDER, run=mail_from.mail_from),
    Check(id="D08", title="DMARC", group=Group.SENDER, run=dmarc.policies),
    Check(id="D09", title="Mailbox providers", group=Group.SENDER, run=identities.providers),
    Check(id="D10", title="Configuration set", group=Group.EVENTS, run=configuration_sets.options),
    Check(
        id="D11", title="Published events", group=Group.EVENTS, run=configuration_sets.event_types
    ),
    Check(id="D12", title="One way only", group=Group.EVENTS, run=notifications.systems),
    Check(id="D13", title="Topics", group=Group.EVENTS, run=topics.topics),
    Check(id="D14", title="List of topics", group=Group.EVENTS, run=topics.allow_list),
    Check(id="D15", title="Subscriptions", group=Group.EVENTS, run=subscriptions.own),
    Check(id="D16", title="Other subscriptions", group=Group.EVENTS, run=subscriptions.others),
    Check(id="D17", title="Webhook", group=Group.EVENTS, run=webhook.webhook),
    Check(id="D18", title="Certificates of SNS", group=Group.EVENTS, run=certificates.egress),
    Check(id="D19", title="Queues", group=Group.EVENTS, run=queues.queues),
    Check(id="D20", title="Consumer", group=Group.EVENTS, run=queues.consumer),
    Check(id="D21", title="Receipt rules", group=Group.INBOUND, run=inbound.rules),
    Check(id="D22", title="MX records", group=Group.INBOUND, run=inbound.mx_records),
    Check(id="D23", title="Buckets", group=Group.INBOUND, run=mail_storage.buckets),
    Check(id="D24", title="Keys", group=Group.INBOUND, run=mail_storage.keys),
    Check(id="D25", title="Suppression list", group=Group.ACCOUNT, run=suppression.suppression),
    Check(id="D26", title="Permissions", group=Group.ACCOUNT, run=permissions.permissions),
    Check(id="D27", title="Tenant", group=Group.SENDER, run=tenants.associations),
    Check(
        id="D28",
        title="Amazon's advice",
        group=Group.ACCOUNT,
        run=recommendations.recommendations,
    ),
    Check(id="D29", title="Unsubscribing", group=Group.PROJECT, run=unsubscribing.one_click),
    Check(id="D30", title="Installation", group=Group.PROJECT, run=installation.packages),
    Check(id="D31", title="Lost events", group=Group.PROJECT, run=lost_events.lost_events),
)
