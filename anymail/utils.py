"""Names that existing applications import from here. They live elsewhere."""

from .addresses import EmailAddress, parse_address_list, parse_single_address
from .attachments import Attachment
from .attributes import (
    combine,
    force_non_lazy,
    force_non_lazy_dict,
    force_non_lazy_list,
    last,
)
from .conf import UNSET, get_anymail_setting
from .headers import (
    CaseInsensitiveCasePreservingDict,
    angle_wrap,
    getfirst,
    parse_rfc2822date,
    rfc2822date,
)
from .webhooks.base import get_request_basic_auth, get_request_uri

__all__ = [
    "UNSET",
    "Attachment",
    "CaseInsensitiveCasePreservingDict",
    "EmailAddress",
    "angle_wrap",
    "combine",
    "force_non_lazy",
    "force_non_lazy_dict",
    "force_non_lazy_list",
    "get_anymail_setting",
    "get_request_basic_auth",
    "get_request_uri",
    "getfirst",
    "last",
    "parse_address_list",
    "parse_rfc2822date",
    "parse_single_address",
    "rfc2822date",
]
