"""Amazon SES and S3: moto's, in this process, on a free port of the loopback interface."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from ..amazon_ses import aws
from ..conf import AmazonSESSettings

#: The account that moto puts everybody in whose access key it does not know.
ACCOUNT = "123456789012"
REGION = "us-east-1"
#: What boto3 signs requests with; moto accepts anything.
CREDENTIALS = {
    "aws_access_key_id": "sandbox",
    "aws_secret_access_key": "sandbox",
    "region_name": REGION,
}


class SandboxError(Exception):
    """The sandbox cannot go on. The text is for the person who started it."""


@dataclass(frozen=True, kw_only=True)
class ReceivedMail:
    """A message as SES has it.

    :param id: SES's id of it.
    :param source: the envelope sender.
    :param recipients: the envelope's recipients.
    :param raw: the MIME source.
    """

    id: str
    source: str
    recipients: list[str]
    raw: bytes


def forget_environment() -> None:
    """Make boto3 blind to this machine's AWS settings and proxies, and moto to its own."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "BOTO_", "MOTO_")):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


@contextmanager
def local_amazon() -> Iterator[str]:
    """Run SES and S3 for the length of a ``with`` block; gives their URL.

    :raises SandboxError: moto is not installed.
    """
    server = _server_class()(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def verify_sender(address: str) -> None:
    """Allow sending from an address."""
    _client("ses").verify_email_identity(EmailAddress=address)


def received_mail(message_id: str) -> ReceivedMail:
    """What SES received.

    :param message_id: from ``anymail_status``.
    :raises SandboxError: it received no such message.
    """
    from moto.ses.models import ses_backends

    for message in ses_backends[ACCOUNT][REGION].sent_messages:
        if message.id == message_id:
            # moto adds the addresses of the headers to those of the envelope.
            recipients = dict.fromkeys(parseaddr(address)[1] for address in message.destinations)
            return ReceivedMail(
                id=message.id,
                source=parseaddr(message.source)[1],
                recipients=list(recipients),
                raw=message.raw_data.encode(),
            )
    raise SandboxError(f"The local Amazon SES has no message with the id {message_id}.")


def store_object(bucket: str, key: str, content: bytes) -> None:
    """Put an object into a bucket of S3, and make the bucket if there is none."""
    client = _client("s3")
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=key, Body=content)


def _client(service: str) -> Any:
    return aws.client(service, AmazonSESSettings.load())


def _server_class() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # moto warns before it raises
            from moto.server import ThreadedMotoServer
    except ImportError as err:
        raise SandboxError(
            f"The sandbox needs moto ({err}). "
            'Install it with: python -m pip install "django-anymail-ses[sandbox]"'
        ) from err
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs every request
    return ThreadedMotoServer
