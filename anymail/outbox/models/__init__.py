"""The ledger: messages to send, and what became of them.

Each table is read and written by the modules that their docstrings name. All times are those of the
process that writes them; a worker's own clock decides only when it gives up a lease, see
:mod:`anymail.outbox.claiming`.
"""

from __future__ import annotations

from .batch import Batch, BatchState
from .entry import INVALID_ADDRESS, Entry, Recipient, State
from .history import Account, Address, DailyCount, EntryTag, Event, Step, StepKind
from .lengths import (
    CODE_LENGTH,
    ERROR_LENGTH,
    KEY_LENGTH,
    NAME_LENGTH,
    SUBJECT_LENGTH,
)
from .pause import Pace, Pause

__all__ = [
    "CODE_LENGTH",
    "ERROR_LENGTH",
    "INVALID_ADDRESS",
    "KEY_LENGTH",
    "NAME_LENGTH",
    "SUBJECT_LENGTH",
    "Account",
    "Address",
    "Batch",
    "BatchState",
    "DailyCount",
    "Entry",
    "EntryTag",
    "Event",
    "Pace",
    "Pause",
    "Recipient",
    "State",
    "Step",
    "StepKind",
]
