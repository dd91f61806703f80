"""Names that existing applications import from here. They live elsewhere."""

from .addresses import EmailAddress, parse_address_list, parse_single_address
from .attachments import Attachment
from .attributes import (
    combine,
    concat_lists,
    force_non_lazy,
    force_non_lazy_dict,
    force_non_lazy_list,
    is_lazy,
    last,
    merge_dicts_deep,
    merge_dicts_one_level,
    merge_dicts_shallow,
    update_deep,
)
from .conf import UNSET, get_anymail_setting
from .mime.headers import (
    CaseInsensitiveCasePreservingDict,
    angle_wrap,
    getfirst,
    parse_rfc2822date,
    rfc2822date,
)
from .webhooks.credentials import get_request_basic_auth, get_request_uri

__all__ = [
    "UNSET",
    "Attachment",
    "CaseInsensitiveCasePreservingDict",
    "EmailAddress",
    "angle_wrap",
    "combine",
    "concat_lists",
    "force_non_lazy",
    "force_non_lazy_dict",
    "force_non_lazy_list",
    "get_anymail_setting",
    "get_request_basic_auth",
    "get_request_uri",
    "getfirst",
    "is_lazy",
    "last",
    "merge_dicts_deep",
    "merge_dicts_one_level",
    "merge_dicts_shallow",
    "parse_address_list",
    "parse_rfc2822date",
    "parse_single_address",
    "rfc2822date",
    "update_deep",
]
