"""Creates all boto3 clients, which are cached and shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any
from weakref import ref

from django.core.signals import setting_changed

from .. import __version__
from ..conf import AmazonSESSettings
from ..conf.values import import_callable
from ..exceptions import (
    AnymailConfigurationError,
    AnymailImproperlyInstalled,
)
from ..exceptions.tracebacks import clear_locals
from . import request_bodies
from .aws_errors import api_errors, no_advice, watch_requests
from .client_cache import ClientCache, ClientKey, ClientParams, client_key
from .installed_botocore import is_botocore_client
from .process_local import ProcessLocal
from .roles import forget_credentials, session_with_role, without_credentials

#: IAM policies of existing projects have conditions on it (``aws:UserAgent``).
USER_AGENT = f"django-anymail/{__version__}-amazon-ses"
#: Services whose calls must not be repeated by botocore.
SEND_SERVICES = ("ses", "sesv2")
#: Services without a setting of their own. An endpoint of Amazon's in that of SES, such as a VPC
#: endpoint, has SES only; another one, such as LocalStack, has all.
ELSEWHERE = ("cloudwatch", "iam", "sts")
OF_AMAZON = re.compile(r"https://[^/]+\.(amazonaws\.com|api\.aws)(\.cn)?(/|$)")
#: Defaults for a service. The consumer of a queue has to notice soon that SQS cannot be reached,
#: and tries again itself. A request waits for messages for 20 seconds at most.
CONFIGS: dict[str, dict[str, Any]] = {
    "sqs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 1}},
    "cloudwatch": {"connect_timeout": 5, "read_timeout": 5, "retries": {"total_max_attempts": 1}},
}
#: Errors after which other credentials may work, which only a new client looks for.
#: Source: the API references of SES, SNS, S3, KMS and SQS, "Common errors".
REFUSED_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
#: botocore exceptions after which they may work, too.
NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_clients = ProcessLocal(ClientCache)


def client(
    service: str,
    settings: AmazonSESSettings,
    *,
    config: Mapping[str, Any] = MappingProxyType({}),
    **overrides: Any,
) -> Any:
    """A boto3 client, from the cache where there is one for the same parameters.

    Making one costs 50 to 150 ms, and clients are thread-safe (boto3, "Clients"). A new one is made
    in a forked process, when the environment or the files that boto3 reads change, and after AWS
    refused the credentials.

    :param service: boto3's name, for example ``"ses"``.
    :param config: options of botocore's ``Config`` that win over those in the settings.
    :param overrides: parameters that win over the settings, for example ``region_name``.
    :raises AnymailAPIError: boto3 cannot make it: no region, no such profile.
    :raises AnymailConfigurationError: boto3 does not know a parameter.
    """
    params = replace(_params(service, settings, overrides), config=config)
    return _clients.get().get(_key(params, settings), lambda: create_client(params, settings))


def key_of_client(service: str, settings: AmazonSESSettings) -> ClientKey:
    """The key of the client that :func:`client` returns. When it changes, so does the client.

    :param service: boto3's name.
    """
    return _key(_params(service, settings, {}), settings)


def create_client(params: ClientParams, settings: AmazonSESSettings) -> Any:
    """A new boto3 client, or what ``AMAZON_SES_CLIENT_FACTORY`` makes. Use :func:`client`.

    :param params: what to make it from.
    :param settings: ``client_factory`` and ``max_concurrency`` count.
    :raises AnymailAPIError: boto3 cannot make it.
    :raises AnymailConfigurationError: boto3 does not know a parameter, or the factory is not there.
    """
    with api_errors(f"Cannot create the boto3 client for {params.service!r}"):
        with _refused_parameters():
            config = _config(params, settings.max_concurrency)
        if settings.client_factory is not None:
            made = _factory(settings)(
                params.service, dict(params.session), {**params.client, "config": config}
            )
        else:
            with _refused_parameters():
                made = _new_client(params, config, settings)
    if is_botocore_client(made):
        _prepare(made, params.service)
    return made


def _new_client(params: ClientParams, config: Any, settings: AmazonSESSettings) -> Any:
    if not params.role:
        session = _session_class()(**params.session)
        return session.client(params.service, **{**params.client, "config": config})
    # The region of the topic is not that of STS.
    sts = {
        **settings.client_params,
        "config": _config(replace(params, service="sts", config={}), 1),
    }
    session = session_with_role(_session_class(), params, sts)
    return session.client(
        params.service, **{**without_credentials(params.client), "config": config}
    )


def is_dropped(client: Any) -> bool:
    """Whether a client must not be used any more, since AWS refused its credentials."""
    return _clients.get().is_dropped(client)


def confirm_subscription(topic: str, token: str, settings: AmazonSESSettings) -> None:
    """Confirm a subscription to a topic (SNS API, "ConfirmSubscription").

    :param topic: the topic's ARN; the call goes to its region.
    :param token: from the request to confirm; SNS takes it for two days.
    :raises AnymailAPIError: SNS refused (then it is an ``AnymailBotoClientAPIError``), or could not
        be reached.
    """
    region = topic.split(":")[3]
    with api_errors(f"Cannot confirm the subscription to the SNS topic {topic}", advise=no_advice):
        client("sns", settings, region_name=region).confirm_subscription(
            TopicArn=topic,
            Token=token,
            # A string. Without it, whoever sees an UnsubscribeURL can end the subscription.
            AuthenticateOnUnsubscribe="true",
        )


def clear_clients(**_kwargs: Any) -> None:
    """Drop every client: settings have changed."""
    _clients.get().clear()
    forget_credentials()


def _prepare(made: Any, service: str) -> None:
    if service in SEND_SERVICES:
        request_bodies.register(made)
    watch_requests(made)
    drop = partial(_drop_refused, ref(made))
    made.meta.events.register("after-call", drop)
    made.meta.events.register("after-call-error", drop)


def _drop_refused(
    made: ref[Any], parsed: Any = None, exception: BaseException | None = None, **_kwargs: Any
) -> None:
    error = parsed.get("Error") if isinstance(parsed, dict) else None
    code = error.get("Code") if isinstance(error, dict) else None
    refused = isinstance(code, str) and code in REFUSED_CREDENTIALS
    if (refused or type(exception).__name__ in NO_CREDENTIALS) and (client := made()) is not None:
        _clients.get().drop(client)
        forget_credentials()


@contextmanager
def _refused_parameters() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError:  # some are ValueErrors too
        raise
    except (TypeError, ValueError) as err:
        raise AnymailConfigurationError(
            'boto3 does not accept ANYMAIL["AMAZON_SES_SESSION_PARAMS"], '
            f'["AMAZON_SES_CLIENT_PARAMS"] or ["AMAZON_SES_ROLE_PARAMS"]: {err}'
        ) from clear_locals(err)


def _params(
    service: str, settings: AmazonSESSettings, overrides: Mapping[str, Any]
) -> ClientParams:
    return ClientParams(
        service=service,
        session=settings.session_params,
        client={**_service_params(service, settings), **overrides},
        role=_role(settings),
    )


def _role(settings: AmazonSESSettings) -> dict[str, Any]:
    if settings.role_arn is None or settings.client_factory is not None:
        return {}
    return {"RoleSessionName": "anymail", **settings.role_params, "RoleArn": settings.role_arn}


def _key(params: ClientParams, settings: AmazonSESSettings) -> ClientKey:
    session = _session_class()
    return client_key(
        params,
        settings.client_factory,
        settings.max_concurrency,  # how many connections it keeps
        session,
        getattr(session, "client", None),  # applications' tests patch both
    )


def _session_class() -> Any:
    # Always by attribute: applications' tests patch boto3.session.Session.
    return import_boto3().session.Session


def import_boto3() -> Any:
    """boto3, imported when it is first needed: that takes long.

    :raises AnymailImproperlyInstalled: it is not installed.
    """
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
        "sqs": settings.sqs_client_params,
    }.get(service)
    if own is not None:
        return own
    params = settings.client_params
    if service in ELSEWHERE and OF_AMAZON.match(str(params.get("endpoint_url") or "")):
        return {name: value for name, value in params.items() if name != "endpoint_url"}
    return params


def _config(params: ClientParams, max_connections: int) -> Any:
    from botocore.config import Config

    config = Config(
        user_agent_extra=USER_AGENT,
        tcp_keepalive=True,
        max_pool_connections=max_connections,
        **CONFIGS.get(params.service, {}),
    )
    if (users := params.client.get("config")) is not None:
        config = config.merge(users if isinstance(users, Config) else Config(**users))
    config = config.merge(Config(**params.config))
    if params.service in SEND_SERVICES:
        # botocore posts the message again when the answer to the first request is late, and SES
        # has no idempotency token: delivery.py repeats only what surely was not accepted.
        config = config.merge(Config(retries={"total_max_attempts": 1, "mode": "standard"}))
    return config


setting_changed.connect(clear_clients, dispatch_uid="anymail.amazon_ses.aws.clear_clients")
