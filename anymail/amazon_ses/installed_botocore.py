"""What the installed botocore knows: the parameters of operations, and regions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def is_botocore_client(client: Any) -> bool:
    """Whether a client is botocore's, and not a test double."""
    from botocore.client import BaseClient

    return isinstance(client, BaseClient)


def botocore_version() -> str:
    """The version of the installed botocore."""
    import botocore

    version: str = botocore.__version__
    return version


def known_parameters(client: Any, operation: str) -> Collection[str] | None:
    """The parameters of an operation in the service model of the installed botocore.

    :param client: for None, and for a test double, None is returned.
    :param operation: the method of the client, for example ``"send_email"``.
    """
    if not is_botocore_client(client):
        return None
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    parameters: Collection[str] = model.input_shape.members
    return parameters


def method_of(client: Any, operation: str) -> Any:
    """The method of a client for an operation.

    :param operation: as in the API's reference, for example ``"GetAccount"``.
    """
    from botocore import xform_name

    return getattr(client, xform_name(operation))


def unknown_region(client: Any) -> str | None:
    """The region of a client, if botocore does not list it for Amazon SES.

    Its lists may lack new regions, so use this only to explain a failure.
    """
    from botocore.session import Session

    region: str | None = client.meta.region_name if is_botocore_client(client) else None
    if region is None or region not in client.meta.endpoint_url:  # a custom endpoint
        return None
    session = Session()
    known = {
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ses", partition)
    }
    return None if region in known else region


def partition_of(region: str) -> str:
    """The partition of a region, for example ``"aws-cn"``; the usual one for a name of no form
    that botocore knows.
    """
    from botocore.exceptions import UnknownRegionError
    from botocore.session import Session

    try:
        return str(Session().get_partition_for_region(region))
    except UnknownRegionError:
        return "aws"
