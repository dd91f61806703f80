"""Every operation that is implemented here, in one API or in both; moto has others."""

from __future__ import annotations

from collections.abc import Mapping

from . import account, addresses, configuration_sets, identities, sending, templates, tenants
from .context import Operation

#: By name. What v1 and v2 both call like this is the same.
OPERATIONS: Mapping[str, Operation] = {
    "CreateConfigurationSet": configuration_sets.create_configuration_set,
    "CreateConfigurationSetEventDestination": configuration_sets.put_destination,
    "CreateEmailIdentity": identities.create_identity,
    "CreateEmailTemplate": templates.create_template,
    "CreateTemplate": templates.create_template,
    "CreateTenant": tenants.create_tenant,
    "CreateTenantResourceAssociation": tenants.associate_resource,
    "DeleteConfigurationSet": configuration_sets.delete_configuration_set,
    "DeleteConfigurationSetEventDestination": configuration_sets.delete_destination,
    "DeleteEmailTemplate": templates.delete_template,
    "DeleteTemplate": templates.delete_template,
    "DeleteTenant": tenants.delete_tenant,
    "DeleteTenantResourceAssociation": tenants.dissociate_resource,
    "GetAccount": account.get_account,
    "GetCallerIdentity": account.get_caller_identity,
    "GetConfigurationSet": configuration_sets.get_configuration_set,
    "GetConfigurationSetEventDestinations": configuration_sets.get_destinations,
    "GetEmailAddressInsights": addresses.get_email_address_insights,
    "GetEmailTemplate": templates.get_template,
    "GetIdentityNotificationAttributes": identities.get_notification_attributes,
    "GetSendQuota": account.get_send_quota,
    "GetTemplate": templates.get_template,
    "GetTenant": tenants.get_tenant,
    "ListEmailTemplates": templates.list_templates,
    "ListTemplates": templates.list_templates,
    "ListTenants": tenants.list_tenants,
    "PutAccountSendingAttributes": account.set_sending_enabled,
    "SendBulkEmail": sending.send_bulk_email,
    "SendBulkTemplatedEmail": sending.send_bulk_email,
    "SendEmail": sending.send_email,
    "SendRawEmail": sending.send_email,
    "SendTemplatedEmail": sending.send_email,
    "SetIdentityHeadersInNotificationsEnabled": identities.set_headers_in_notifications,
    "SetIdentityNotificationTopic": identities.set_notification_topic,
    "UpdateAccountSendingEnabled": account.set_sending_enabled,
    "UpdateConfigurationSetEventDestination": configuration_sets.put_destination,
    "UpdateEmailTemplate": templates.update_template,
    "UpdateTemplate": templates.update_template,
    "VerifyDomainDkim": identities.create_identity,
    "VerifyDomainIdentity": identities.create_identity,
    "VerifyEmailAddress": identities.create_identity,
    "VerifyEmailIdentity": identities.create_identity,
}
#: What is slower if Amazon is to be.
SENDING = frozenset({sending.send_bulk_email, sending.send_email})
#: moto has them, but not what they are about.
REFUSED = frozenset({"DescribeConfigurationSet", "GetSendStatistics", "TestRenderTemplate"})
