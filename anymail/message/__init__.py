"""What applications send: messages with the attributes of Anymail, and their status."""

from ..conf import UNSET
from .inline_images import attach_inline_image, attach_inline_image_file
from .message import AnymailMessage, AnymailMessageMixin
from .status import ANYMAIL_STATUSES, AnymailRecipientStatus, AnymailStatus

__all__ = [
    "ANYMAIL_STATUSES",
    "UNSET",
    "AnymailMessage",
    "AnymailMessageMixin",
    "AnymailRecipientStatus",
    "AnymailStatus",
    "attach_inline_image",
    "attach_inline_image_file",
]
