"""boto3 sessions with the credentials of an IAM role, which renew themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..exceptions.tracebacks import signal_handler_error
from .client_cache import ClientCache, ClientParams, client_key
from .process_local import ProcessLocal

#: Parameters that may change for the same account, and that are secret.
CREDENTIALS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
#: Parameters of a session or client that belong to the credentials that assume the role.
OWN_CREDENTIALS = frozenset({*CREDENTIALS, "aws_account_id", "botocore_session"})
#: Parameters of a client that count for that of STS, too.
SHARED_PARAMS = frozenset({"region_name", "verify", "config"})
#: The credentials of each role: an hour's worth costs one call, whatever clients use them.
_credentials = ProcessLocal(ClientCache)


class GivenCredentials:
    """Takes the place of botocore's search for credentials.

    :param credentials: botocore's.
    """

    def __init__(self, credentials: Any) -> None:
        self.credentials = credentials

    def load_credentials(self) -> Any:
        """The credentials, where botocore asks for them."""
        return self.credentials


def session_with_role(session_class: Any, params: ClientParams, sts: Mapping[str, Any]) -> Any:
    """A boto3 session whose clients use the role.

    :param session_class: boto3's.
    :param params: of the client; its ``role`` is assumed with the credentials of its session or
        client.
    :param sts: parameters of the client for STS.
    :raises BotoCoreError: there are no credentials that could assume it, or no region.
    """
    source = session_class(**params.session)
    session = {name: value for name, value in params.session.items() if name not in OWN_CREDENTIALS}
    core = _botocore_session()
    core.register_component(
        "credential_provider", GivenCredentials(_shared_credentials(source, params, sts))
    )
    return session_class(**{**session, "region_name": source.region_name, "botocore_session": core})


def without_credentials(client_params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a client that uses the role."""
    return {name: value for name, value in client_params.items() if name not in OWN_CREDENTIALS}


def forget_credentials() -> None:
    """Assume the roles again when clients are created: AWS refused credentials."""
    _credentials.get().clear()


def _shared_credentials(source: Any, params: ClientParams, sts: Mapping[str, Any]) -> Any:
    own = {name: params.client[name] for name in CREDENTIALS if name in params.client}
    shared = ClientParams(service="sts", session=params.session, client=own, role=params.role)
    key = client_key(shared, sts.get("region_name"), sts.get("verify"))
    return _credentials.get().get(key, lambda: _role_credentials(source, shared, sts))


def _role_credentials(source: Any, params: ClientParams, sts: Mapping[str, Any]) -> Any:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    role = dict(params.role)
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(
            source.client, **{name: sts[name] for name in SHARED_PARAMS if name in sts}
        ),
        source_credentials=_source_credentials(source, params.client),
        role_arn=role.pop("RoleArn"),
        extra_args=role,
    )
    return DeferredRefreshableCredentials(partial(_fetch_credentials, fetcher), "assume-role")


def _fetch_credentials(fetcher: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

    try:
        return fetcher.fetch_credentials()
    except (BotoCoreError, ClientError):
        raise
    except Exception as err:  # whatever botocore raises about a broken answer
        if interruption := signal_handler_error(err):
            raise interruption from interruption.__cause__
        raise CredentialRetrievalError(
            provider="AWS STS",
            error_msg=f"its answer to AssumeRole made no sense ({type(err).__name__})",
        ) from None  # the error has the whole answer, perhaps with keys


def _source_credentials(source: Any, own: Mapping[str, Any]) -> Any:
    from botocore.credentials import Credentials
    from botocore.exceptions import NoCredentialsError

    if own:
        key, secret, token = map(own.get, CREDENTIALS)
        return Credentials(key or "", secret or "", token)
    if (found := source.get_credentials()) is None:
        raise NoCredentialsError
    return found


def _botocore_session() -> Any:
    from botocore.session import get_session

    return get_session()
