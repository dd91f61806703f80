"""How long the columns are, in characters."""

from __future__ import annotations

#: Of the names of mailers, lanes, workers and people.
NAME_LENGTH = 255
#: Of an idempotency key.
KEY_LENGTH = 256
#: Characters of a subject that are kept, for people.
SUBJECT_LENGTH = 200
#: Of an error code.
CODE_LENGTH = 100
#: Characters of an error that are kept.
ERROR_LENGTH = 1_000
