"""DNS: the records that mail with SES needs, and what the DNS says."""
