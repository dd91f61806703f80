"""Every operation that is implemented here, by service and name; moto has others."""

from __future__ import annotations

from collections.abc import Mapping

from . import account, configuration_sets, identities, sending, templates
from .context import Operation

SEND_OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "SendBulkTemplatedEmail"): sending.send_bulk_email,
    ("ses", "SendEmail"): sending.send_email,
    ("ses", "SendRawEmail"): sending.send_email,
    ("ses", "SendTemplatedEmail"): sending.send_email,
    ("sesv2", "SendBulkEmail"): sending.send_bulk_email,
    ("sesv2", "SendEmail"): sending.send_email,
}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **SEND_OPERATIONS,
    ("ses", "CreateConfigurationSet"): configuration_sets.create_configuration_set,
    ("ses", "CreateConfigurationSetEventDestination"): configuration_sets.put_destination,
    ("ses", "CreateTemplate"): templates.create_template,
    ("ses", "DeleteConfigurationSet"): configuration_sets.delete_configuration_set,
    ("ses", "DeleteConfigurationSetEventDestination"): configuration_sets.delete_destination,
    ("ses", "DeleteTemplate"): templates.delete_template,
    ("ses", "GetIdentityNotificationAttributes"): identities.get_notification_attributes,
    ("ses", "GetSendQuota"): account.get_send_quota,
    ("ses", "GetTemplate"): templates.get_template,
    ("ses", "ListTemplates"): templates.list_templates,
    ("ses", "SetIdentityHeadersInNotificationsEnabled"): identities.set_headers_in_notifications,
    ("ses", "SetIdentityNotificationTopic"): identities.set_notification_topic,
    ("ses", "UpdateConfigurationSetEventDestination"): configuration_sets.put_destination,
    ("ses", "UpdateTemplate"): templates.update_template,
    ("ses", "VerifyDomainDkim"): identities.create_identity,
    ("ses", "VerifyDomainIdentity"): identities.create_identity,
    ("ses", "VerifyEmailAddress"): identities.create_identity,
    ("ses", "VerifyEmailIdentity"): identities.create_identity,
    ("sesv2", "CreateConfigurationSet"): configuration_sets.create_configuration_set,
    ("sesv2", "CreateConfigurationSetEventDestination"): configuration_sets.put_destination,
    ("sesv2", "CreateEmailIdentity"): identities.create_identity,
    ("sesv2", "CreateEmailTemplate"): templates.create_template,
    ("sesv2", "DeleteConfigurationSet"): configuration_sets.delete_configuration_set,
    ("sesv2", "DeleteConfigurationSetEventDestination"): configuration_sets.delete_destination,
    ("sesv2", "DeleteEmailTemplate"): templates.delete_template,
    ("sesv2", "GetAccount"): account.get_account,
    ("sesv2", "GetConfigurationSet"): configuration_sets.get_configuration_set,
    ("sesv2", "GetConfigurationSetEventDestinations"): configuration_sets.get_destinations,
    ("sesv2", "GetEmailTemplate"): templates.get_template,
    ("sesv2", "ListEmailTemplates"): templates.list_templates,
    ("sesv2", "UpdateConfigurationSetEventDestination"): configuration_sets.put_destination,
    ("sesv2", "UpdateEmailTemplate"): templates.update_template,
    ("sts", "GetCallerIdentity"): account.get_caller_identity,
}
#: moto has them, but not what they are about.
REFUSED_OPERATIONS = {
    ("ses", name)
    for name in ("DescribeConfigurationSet", "GetSendStatistics", "TestRenderTemplate")
}
