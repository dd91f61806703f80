"""What ``manage.py anymail_setup`` does: compares an AWS account with what mail needs, and adds it.

SetupRequest and settings → resources → what AWS has of them → steps, which only add.
"""
