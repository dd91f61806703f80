"""Registers the lists of the outbox with Django's default admin site."""

from __future__ import annotations

from django.contrib import admin

from .account_admin import AccountAdmin
from .batch_admin import BatchAdmin
from .entry_admin import EntryAdmin
from .history.address_admin import AddressAdmin
from .models import Account, Address, Batch, Entry, Pause
from .pause_admin import PauseAdmin

admin.site.register(Account, AccountAdmin)
admin.site.register(Address, AddressAdmin)
admin.site.register(Batch, BatchAdmin)
admin.site.register(Entry, EntryAdmin)
admin.site.register(Pause, PauseAdmin)
