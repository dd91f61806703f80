"""The settings of consumers that tests and benchmarks start as processes of their own.

The environment says where SQS and the database are, and what the receivers do: see
:class:`.processes.Site`.
"""

import json
import os

from ..settings import *  # noqa: F403
from ..settings import DATABASES

# Without Django's admin, each process starts in two thirds of the time.
INSTALLED_APPS = ["anymail", "anymail.feedback", "tests.consumer.receivers.ReceiversConfig"]
ROOT_URLCONF = "anymail.urls"
DATABASES = {
    "default": {**DATABASES["default"], "CONN_MAX_AGE": 60, **json.loads(os.environ["SITE_DB"])}
}
ANYMAIL = json.loads(os.environ["SITE_ANYMAIL"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": os.environ["SITE_LOG"]}},
    "root": {"handlers": ["file"], "level": "INFO"},
}
