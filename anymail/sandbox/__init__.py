"""A local Amazon SES, S3 and SNS to try things against: ``python -m anymail.sandbox``."""


class SandboxError(Exception):
    """The sandbox cannot go on; the text says why."""
