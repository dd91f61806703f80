"""Bounces, complaints and deliveries in the database, and a suppression list.

An optional app: add ``"anymail.feedback"`` to ``INSTALLED_APPS``. Nothing else imports it.
"""
