"""Receives from Amazon SQS what SES reports: ``manage.py anymail_consume``.

An optional room: without it, webhooks and everything else work as before.
"""

from .consumer import Consumer

__all__ = ["Consumer"]
