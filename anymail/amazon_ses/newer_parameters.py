"""Parameters that an older botocore does not have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..calls import ApiCall
from ..exceptions import AnymailUnsupportedFeature

#: Parameter -> the first botocore that has it.
FIRST_VERSIONS = {"ConfigurationOverrides": "1.43.117"}
#: Parameter -> the attributes that are sent with it.
SENT_WITH = {"ConfigurationOverrides": "track_opens and track_clicks"}


def check_parameters(
    calls: Sequence[ApiCall], known: Callable[[str], Collection[str] | None], version: str
) -> None:
    """Refuse calls that the installed botocore cannot make, before the first of them is made.

    :param calls: of one message.
    :param known: an operation to the parameters that botocore knows; None if nobody can tell.
    :param version: of botocore, for the error.
    :raises AnymailUnsupportedFeature: a parameter needs a newer botocore.
    """
    for call in calls:
        for name in FIRST_VERSIONS.keys() & call.params.keys():
            parameters = known(call.operation)
            if parameters is not None and name not in parameters:
                raise AnymailUnsupportedFeature(
                    f"{SENT_WITH[name]} ({name}) need botocore {FIRST_VERSIONS[name]} or newer, "
                    f"and {version} is installed: python -m pip install --upgrade boto3 botocore"
                )
