"""Errors that are also botocore's. Import this module late: botocore takes long to import."""

from __future__ import annotations

from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError

from ..exceptions import AnymailAPIError
from .error_meanings import describe_client_error

#: For ``except``.
BOTO_BASE_ERRORS = (BotoCoreError, ClientError, ConnectionError)


class AnymailBotoClientAPIError(AnymailAPIError, ClientError):
    """An error of S3, KMS or SNS in a webhook: also a botocore ``ClientError``.

    :param client_error: the ``ClientError``; its response and operation are taken over.
    """

    def __init__(self, *args: object, client_error: ClientError) -> None:
        # Scopes are those of sending.
        meaning = {**describe_client_error(client_error.response), "scope": None}
        super().__init__(*args, response=client_error.response, **meaning)
        self.client_error = client_error
        self.operation_name: str = client_error.operation_name

    def __reduce__(self) -> Any:
        make = partial(type(self), client_error=self.client_error)
        return make, self.args, self.picklable()
