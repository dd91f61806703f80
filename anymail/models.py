"""No models. Django imports this module of every installed app.

django-anymail has no such file. So it is here that something of this package still runs when
django-anymail was installed over it, with another ``apps.py``.
"""

from django.core import checks

from .installation import check_installation

checks.register(check_installation, "mail")
