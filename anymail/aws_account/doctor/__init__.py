"""``manage.py anymail_doctor``: finds what keeps mail or its events from arriving."""
