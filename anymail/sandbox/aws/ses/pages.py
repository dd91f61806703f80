"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .context import Result
from .errors import ErrorCode, SesError
from .v1 import Params

#: What a page has if the call does not say.
PAGE_SIZE = 100


def build_page(name: str, items: Sequence[Any], params: Params) -> Result:
    """The page that a call asks for.

    :param name: of the list in the result.
    :param params: of the call: ``NextToken``, and ``PageSize`` (v2) or ``MaxItems`` (v1).
    """
    size = params.get("PageSize") or params.get("MaxItems") or PAGE_SIZE
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise SesError(ErrorCode.INVALID_TOKEN, "The next token is not valid.")
    end = int(token) + max(size, 1)
    following = {"NextToken": str(end)} if end < len(items) else {}
    return {name: items[int(token) : end], **following}
