"""The settings of commands that are killed."""

import json
import os

from ..settings import *  # noqa: F403
from ..settings import DATABASES

INSTALLED_APPS = [
    "anymail",
    "anymail.feedback",
    "tests.killed_commands.receiver.ReceiverConfig",
]
ROOT_URLCONF = "anymail.urls"
DATABASES = {
    "default": {
        **DATABASES["default"],
        **json.loads(os.environ["SITE_DB"]),
        "ATOMIC_REQUESTS": "SITE_ATOMIC" in os.environ,
    }
}
ANYMAIL = json.loads(os.environ["SITE_ANYMAIL"])
