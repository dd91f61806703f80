"""``anymail_doctor --probe``: mail is sent for real, and its events come back for real."""
