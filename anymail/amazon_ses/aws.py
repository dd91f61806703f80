"""The only user of boto3: cached clients, and one form for everything that goes wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import setting_changed

from .. import __version__
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError, AnymailConfigurationError, AnymailImproperlyInstalled
from ..setting_values import import_callable
from . import uploads
from .errors import describe_exception, describe_response, mask_addresses

#: IAM policies of existing projects have conditions on it (``aws:UserAgent``).
USER_AGENT = f"django-anymail/{__version__}-amazon-ses"
#: Services whose calls must not be repeated by botocore.
SEND_SERVICES = ("ses", "sesv2")
#: Parameters that may change although the account stays the same, or are nobody's business.
CREDENTIALS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
#: Several sets of parameters are usual (regions, tenants); without a bound, parameters made anew
#: for each send would fill the memory.
MAX_CLIENTS = 64

_clients: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.RLock()

HINTS = {
    "NoRegionError": (
        'Set ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name": "us-east-1"} (your region), '
        "or the environment variable AWS_DEFAULT_REGION."
    ),
    "NoCredentialsError": (
        "Set the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give the "
        "machine an IAM role, or see boto3's guide to credentials for its other sources; "
        'ANYMAIL["AMAZON_SES_SESSION_PARAMS"] is passed to boto3.session.Session.'
    ),
    "PartialCredentialsError": (
        "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither."
    ),
    "ProfileNotFound": (
        'Check "profile_name" in ANYMAIL["AMAZON_SES_SESSION_PARAMS"], and AWS_PROFILE.'
    ),
}


def client(service: str, settings: AmazonSESSettings, **overrides: Any) -> Any:
    """A boto3 client, from the cache where there is one for the same parameters.

    Making one costs 50 to 150 ms, and clients are thread-safe (boto3, "Clients").

    :param service: boto3's name, for example ``"ses"``.
    :param overrides: parameters that win over the settings, for example ``region_name``.
    :raises AnymailAPIError: boto3 cannot make it: no region, no such profile.
    :raises AnymailConfigurationError: boto3 does not know a parameter.
    """
    params = {**_service_params(service, settings), **overrides}
    key = (
        _session_class(),
        settings.client_factory,
        service,
        _freeze(settings.session_params),
        _freeze(params),
        settings.max_concurrency,  # how many connections it keeps
    )
    with _lock:
        if key not in _clients:
            _clients[key] = create_client(service, settings, params)
            while len(_clients) > MAX_CLIENTS:
                _clients.popitem(last=False)
        _clients.move_to_end(key)
        return _clients[key]


def create_client(service: str, settings: AmazonSESSettings, params: dict[str, Any]) -> Any:
    """A new boto3 client, or what ``AMAZON_SES_CLIENT_FACTORY`` makes. Use :func:`client`.

    :param service: boto3's name, for example ``"ses"``.
    :param params: keyword arguments for the client.
    :raises AnymailAPIError: boto3 cannot make it.
    :raises AnymailConfigurationError: boto3 does not know a parameter, or there is no such factory.
    """
    with api_errors(f"Cannot create the boto3 client for {service!r}"):
        with _refused_parameters():
            params = {
                **params,
                "config": _config(service, params.get("config"), settings.max_concurrency),
            }
        if settings.client_factory is not None:
            made = _factory(settings)(service, dict(settings.session_params), params)
        else:
            with _refused_parameters():
                made = _session_class()(**settings.session_params).client(service, **params)
        if service in SEND_SERVICES and is_real(made):
            uploads.register(made)
        return made


def is_real(client: Any) -> bool:
    """Whether a client is botocore's, and not a double of somebody's tests."""
    from botocore.client import BaseClient

    return isinstance(client, BaseClient)


def account_send_rate(client: Any) -> float:
    """The ``MaxSendRate`` of the account, in recipients per second; 0 for no limit.

    Source: SES API reference, "GetSendQuota"; v2 reference, "GetAccount".

    :param client: of ``ses`` or ``sesv2``.
    :raises AnymailAPIError: SES does not tell.
    """
    with api_errors("Cannot ask Amazon SES for the send rate"):
        if client.meta.service_model.service_name == "sesv2":
            return float(client.get_account()["SendQuota"]["MaxSendRate"])
        return float(client.get_send_quota()["MaxSendRate"])


def quota_owner(client: Any, settings: AmazonSESSettings) -> str:
    """Whose quota a client uses up, as a hash: SES grants rates to an account, in each region.

    The account is told by the credentials where they know it, otherwise by their access key.
    Temporary keys differ from process to process: then it is told by the parameters of the client.

    Source: Amazon SES Developer Guide, "Service quotas in Amazon SES".

    :raises AnymailAPIError: the credentials cannot be refreshed.
    """
    meta = getattr(client, "meta", None)
    where = [getattr(meta, "region_name", ""), getattr(meta, "endpoint_url", "")]
    parts = [*(part for part in where if isinstance(part, str)), *_account(client, settings)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def confirm_subscription(topic: str, token: str, settings: AmazonSESSettings) -> None:
    """Tell SNS that we want what a topic sends (SNS API, "ConfirmSubscription").

    :param topic: the topic's ARN; the call goes to its region.
    :param token: from the request to confirm; SNS takes it for two days.
    :raises AnymailAPIError: SNS refused, or could not be reached.
    """
    region = topic.split(":")[3]
    with api_errors(f"Cannot confirm the subscription to the SNS topic {topic}"):
        client("sns", settings, region_name=region).confirm_subscription(
            TopicArn=topic,
            Token=token,
            # A string. Without it, whoever sees an UnsubscribeURL can end the subscription.
            AuthenticateOnUnsubscribe="true",
        )


def clear_clients(**_kwargs: Any) -> None:
    """Forget every client, because settings changed."""
    with _lock:
        _clients.clear()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # a thread of the parent may hold the old one
    _clients.clear()


@contextmanager
def api_errors(doing: str) -> Iterator[None]:
    """Turn everything that boto3 raises into :exc:`~anymail.exceptions.AnymailAPIError`.

    :param doing: what was tried, for the text.
    :raises AnymailAPIError: within the block, boto3 raised something of its own.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as err:
        raise AnymailAPIError(
            f"{doing}: {mask_addresses(str(err))}", response=err.response, **_meaning(err.response)
        ) from err
    except (BotoCoreError, ResponseParserError) as err:
        kind = type(err).__name__
        lines = [f"{doing}: {mask_addresses(str(err))}", HINTS.get(kind, "")]
        raise AnymailAPIError(*filter(None, lines), **describe_exception(kind)) from err


@contextmanager
def _refused_parameters() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError:  # some are ValueErrors too
        raise
    except (TypeError, ValueError) as err:
        raise AnymailConfigurationError(
            'boto3 does not accept ANYMAIL["AMAZON_SES_SESSION_PARAMS"] or '
            f'ANYMAIL["AMAZON_SES_CLIENT_PARAMS"]: {err}'
        ) from err


def _meaning(response: Any) -> dict[str, Any]:
    error = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return describe_response(error.get("Code", ""), error.get("Message", ""), status)


def _account(client: Any, settings: AmazonSESSettings) -> list[str]:
    # botocore has no public way to a client's credentials.
    signer = getattr(client, "_request_signer", None) if is_real(client) else None
    if credentials := getattr(signer, "_credentials", None):
        with api_errors("Cannot get credentials for Amazon SES"):
            frozen = credentials.get_frozen_credentials()
        if account := getattr(frozen, "account_id", None):
            return ["account", account]
        if not frozen.token:
            return ["key", frozen.access_key]
    factory = settings.client_factory
    name = factory if isinstance(factory, str) else getattr(factory, "__qualname__", "")
    given = {**settings.session_params, **settings.client_params}
    return [
        name,
        *(
            f"{key}={value}"
            for key, value in sorted(given.items())
            if isinstance(value, str) and key not in CREDENTIALS
        ),
    ]


def _session_class() -> Any:
    # Always by attribute: people's tests patch boto3.session.Session.
    return _boto3().session.Session


def _boto3() -> Any:
    try:
        import boto3
    except ImportError as err:
        raise AnymailImproperlyInstalled("boto3") from err
    return boto3


def _factory(settings: AmazonSESSettings) -> Any:
    return import_callable(settings.client_factory, 'ANYMAIL["AMAZON_SES_CLIENT_FACTORY"]')


def _service_params(service: str, settings: AmazonSESSettings) -> dict[str, Any]:
    own = {
        "sns": settings.sns_client_params,
        "s3": settings.s3_client_params,
        "kms": settings.kms_client_params,
    }.get(service)
    return settings.client_params if own is None else own


def _config(service: str, users: Any, max_connections: int) -> Any:
    from botocore.config import Config

    config = Config(
        user_agent_extra=USER_AGENT, tcp_keepalive=True, max_pool_connections=max_connections
    )
    if users is not None:
        config = config.merge(users if isinstance(users, Config) else Config(**users))
    if service in SEND_SERVICES:
        # botocore posts the message again when the answer to the first request is late, and SES
        # has no idempotency token: delivery.py repeats only what surely was not accepted.
        config = config.merge(Config(retries={"total_max_attempts": 1, "mode": "standard"}))
    return config


def _freeze(value: Any) -> Hashable:
    """A hashable stand-in, equal for equal parameters."""
    if isinstance(value, dict):
        return tuple(sorted((str(key), _freeze(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_freeze(item) for item in value)
    return value if isinstance(value, Hashable) else repr(value)


setting_changed.connect(clear_clients, dispatch_uid="anymail.amazon_ses.aws.clear_clients")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def __getattr__(name: str) -> Any:
    """boto3's own names, imported when they are first asked for."""
    if name == "boto3":
        return _boto3()
    if name == "BOTO_BASE_ERRORS":
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError

        return globals().setdefault(name, (BotoCoreError, ClientError, ConnectionError))
    if name == "AnymailBotoClientAPIError":
        return globals().setdefault(name, _boto_client_api_error())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _unpickled_client_api_error(args: tuple[object, ...], client_error: Any) -> Exception:
    error: Exception = __getattr__("AnymailBotoClientAPIError")(*args, client_error=client_error)
    return error


def _boto_client_api_error() -> type[AnymailAPIError]:
    from botocore.exceptions import ClientError

    class AnymailBotoClientAPIError(AnymailAPIError, ClientError):
        """An error of S3, KMS or SNS in a webhook: also a botocore ``ClientError``.

        :param client_error: the ``ClientError``; its response and operation are taken over.
        """

        def __init__(self, *args: object, client_error: ClientError) -> None:
            meaning = _meaning(client_error.response)
            super().__init__(*args, response=client_error.response, **meaning)
            self.client_error = client_error
            self.operation_name = client_error.operation_name

        def __reduce__(self) -> tuple[Any, ...]:
            return _unpickled_client_api_error, (self.args, self.client_error), vars(self)

    return AnymailBotoClientAPIError
