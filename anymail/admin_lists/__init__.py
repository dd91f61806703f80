"""What lists of large tables in Django's admin share.

The modules need ``django.contrib.admin``, so only the ``admin`` modules of apps import them.
"""
