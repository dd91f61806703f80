"""Every operation that is implemented here, in one API or in both; moto has others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from . import (
    account,
    addresses,
    configuration_sets,
    export_jobs,
    identities,
    identities_v1,
    insights,
    notification_topics,
    receiving,
    sending,
    suppression,
    tags,
    templates,
    tenants,
)
from .context import Operation

#: By name. What v1 and v2 both call like this is the same.
OPERATIONS: Mapping[str, Operation] = {
    "CreateConfigurationSet": configuration_sets.create_configuration_set,
    "CreateConfigurationSetEventDestination": configuration_sets.put_destination,
    "CreateEmailIdentity": identities.create_identity,
    "CreateEmailIdentityPolicy": identities.put_policy,
    "CreateEmailTemplate": templates.create_template,
    "CreateExportJob": export_jobs.create_export_job,
    "CreateReceiptRule": receiving.create_receipt_rule,
    "CreateTemplate": templates.create_template,
    "CreateTenant": tenants.create_tenant,
    "CreateTenantResourceAssociation": tenants.associate_resource,
    "DeleteConfigurationSet": configuration_sets.delete_configuration_set,
    "DeleteConfigurationSetEventDestination": configuration_sets.delete_destination,
    "DeleteEmailIdentity": identities.delete_identity,
    "DeleteEmailIdentityPolicy": identities.delete_policy,
    "DeleteEmailTemplate": templates.delete_template,
    "DeleteIdentity": identities_v1.delete_identity,
    "DeleteSuppressedDestination": suppression.delete_destination,
    "DeleteTemplate": templates.delete_template,
    "DeleteTenant": tenants.delete_tenant,
    "DeleteTenantResourceAssociation": tenants.dissociate_resource,
    "DeleteVerifiedEmailAddress": identities_v1.delete_identity,
    "GetAccount": account.get_account,
    "GetCallerIdentity": account.get_caller_identity,
    "GetConfigurationSet": configuration_sets.get_configuration_set,
    "GetConfigurationSetEventDestinations": configuration_sets.get_destinations,
    "GetEmailAddressInsights": addresses.get_email_address_insights,
    "GetEmailIdentity": identities.get_identity,
    "GetEmailIdentityPolicies": identities.get_policies,
    "GetEmailTemplate": templates.get_template,
    "GetExportJob": export_jobs.get_export_job,
    "GetIdentityDkimAttributes": identities_v1.get_dkim,
    "GetIdentityMailFromDomainAttributes": identities_v1.get_mail_from,
    "GetIdentityNotificationAttributes": notification_topics.get_notification_attributes,
    "GetIdentityVerificationAttributes": identities_v1.get_verification,
    "GetMessageInsights": insights.get_message_insights,
    "GetSendQuota": account.get_send_quota,
    "GetSuppressedDestination": suppression.get_destination,
    "GetTemplate": templates.get_template,
    "GetTenant": tenants.get_tenant,
    "ListConfigurationSets": configuration_sets.list_configuration_sets,
    "ListEmailIdentities": identities.list_identities,
    "ListEmailTemplates": templates.list_templates,
    "ListIdentities": identities_v1.list_identities,
    "ListRecommendations": account.list_recommendations,
    "ListSuppressedDestinations": suppression.list_destinations,
    "ListTagsForResource": tags.list_tags,
    "ListTemplates": templates.list_templates,
    "ListTenantResources": tenants.list_resources,
    "ListTenants": tenants.list_tenants,
    "ListVerifiedEmailAddresses": identities_v1.list_addresses,
    "PutAccountDetails": account.put_details,
    "PutAccountSendingAttributes": account.set_sending_enabled,
    "PutAccountSuppressionAttributes": account.put_suppression,
    "PutConfigurationSetArchivingOptions": partial(
        configuration_sets.put_options, "ArchivingOptions"
    ),
    "PutConfigurationSetDeliveryOptions": partial(
        configuration_sets.put_options, "DeliveryOptions"
    ),
    "PutConfigurationSetReputationOptions": partial(
        configuration_sets.put_options, "ReputationOptions"
    ),
    "PutConfigurationSetSendingOptions": partial(configuration_sets.put_options, "SendingOptions"),
    "PutConfigurationSetSuppressionOptions": partial(
        configuration_sets.put_options, "SuppressionOptions"
    ),
    "PutConfigurationSetTrackingOptions": partial(
        configuration_sets.put_options, "TrackingOptions"
    ),
    "PutConfigurationSetVdmOptions": partial(configuration_sets.put_options, "VdmOptions"),
    "PutEmailIdentityConfigurationSetAttributes": identities.put_configuration_set,
    "PutEmailIdentityDkimAttributes": identities.put_dkim,
    "PutEmailIdentityDkimSigningAttributes": identities.put_dkim_signing,
    "PutEmailIdentityFeedbackAttributes": identities.put_feedback,
    "PutEmailIdentityMailFromAttributes": identities.put_mail_from,
    "PutSuppressedDestination": suppression.put_destination,
    "SendBulkEmail": sending.send_bulk_email,
    "SendBulkTemplatedEmail": sending.send_bulk_email,
    "SendEmail": sending.send_email,
    "SendRawEmail": sending.send_email,
    "SendTemplatedEmail": sending.send_email,
    "SetIdentityDkimEnabled": identities.put_dkim,
    "SetIdentityFeedbackForwardingEnabled": identities.put_feedback,
    "SetIdentityHeadersInNotificationsEnabled": notification_topics.set_headers_in_notifications,
    "SetIdentityMailFromDomain": identities.put_mail_from,
    "SetIdentityNotificationTopic": notification_topics.set_notification_topic,
    "SimulatePrincipalPolicy": account.simulate_principal_policy,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateAccountSendingEnabled": account.set_sending_enabled,
    "UpdateConfigurationSetEventDestination": configuration_sets.put_destination,
    "UpdateConfigurationSetReputationMetricsEnabled": partial(
        configuration_sets.set_enabled, "ReputationOptions"
    ),
    "UpdateConfigurationSetSendingEnabled": partial(
        configuration_sets.set_enabled, "SendingOptions"
    ),
    "UpdateEmailIdentityPolicy": identities.put_policy,
    "UpdateEmailTemplate": templates.update_template,
    "UpdateTemplate": templates.update_template,
    "VerifyDomainDkim": identities_v1.verify_dkim,
    "VerifyDomainIdentity": identities_v1.verify_domain,
    "VerifyEmailAddress": identities_v1.verify_address,
    "VerifyEmailIdentity": identities_v1.verify_address,
}
#: What is slower if Amazon is to be.
SENDING = frozenset({sending.send_bulk_email, sending.send_email})
#: moto has them, but not what they are about.
REFUSED = frozenset({"DescribeConfigurationSet", "GetSendStatistics", "TestRenderTemplate"})
