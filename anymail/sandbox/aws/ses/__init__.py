"""The operations of SES, both APIs."""
