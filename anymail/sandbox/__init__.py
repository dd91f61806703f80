"""A local Amazon SES, S3 and SNS to try things against: ``python -m anymail.sandbox``."""
