"""Amazon SNS: subscribes webhooks, signs what it posts, and confirms subscriptions.

Source: Amazon SNS Developer Guide, "Fanout to HTTP/S endpoints": the request's headers, the
authentication handshake, ``ConfirmSubscription``.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from ..testing import sns_notification, sns_subscription
from .amazon import ACCOUNT, REGION, SandboxError

USER_AGENT = "Amazon Simple Notification Service Agent"
#: SNS waits this many seconds for an answer.
TIMEOUT = 15

ANSWER = """\
<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<ConfirmSubscriptionResult><SubscriptionArn>{0}</SubscriptionArn></ConfirmSubscriptionResult>
<ResponseMetadata><RequestId>{1}</RequestId></ResponseMetadata>
</ConfirmSubscriptionResponse>"""
REFUSAL = """\
<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>{0}</Message></Error>
<RequestId>{1}</RequestId>
</ErrorResponse>"""


class Answer(NamedTuple):
    """What a webhook answered.

    :param status: the HTTP status.
    :param was_challenged: it asked for credentials first.
    """

    status: int
    was_challenged: bool


class LocalSns:
    """Topics that post to webhooks over HTTP.

    It is also a WSGI application: what answers the webhooks' ``ConfirmSubscription``.
    """

    def __init__(self) -> None:
        self.endpoints: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.confirmed: set[str] = set()

    def subscribe(self, topic: str, endpoint: str) -> Answer:
        """Subscribe a webhook, which has to confirm that.

        :param topic: the ARN; see :func:`topic_arn`.
        :param endpoint: a URL, with user name and password if it asks for them.
        :raises SandboxError: it does not confirm.
        """
        request = sns_subscription(topic=topic, secret="")
        self.endpoints[topic] = endpoint
        self.tokens[topic] = json.loads(request["data"])["Token"]
        answer = self._deliver(topic, request)
        if topic not in self.confirmed:
            raise SandboxError(f"The webhook did not confirm the subscription to {topic}.")
        return answer

    def publish(self, topic: str, document: Mapping[str, Any]) -> None:
        """Post a document of SES to the webhook that is subscribed.

        :raises SandboxError: nothing is, or it does not take it.
        """
        if topic not in self.confirmed:
            raise SandboxError(f"No subscription to {topic} is confirmed.")
        self._deliver(topic, sns_notification(dict(document), topic=topic, secret=""))

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        query = parse_qs(environ["wsgi.input"].read(size).decode())
        status, body = self._confirm(
            *("".join(query.get(name, ())) for name in ("Action", "TopicArn", "Token"))
        )
        start_response(status, [("Content-Type", "text/xml")])
        return [body.encode()]

    def _confirm(self, action: str, topic: str, token: str) -> tuple[str, str]:
        if action != "ConfirmSubscription" or self.tokens.get(topic) != token:
            return "400 Bad Request", REFUSAL.format("Invalid token", uuid.uuid4())
        self.confirmed.add(topic)
        return "200 OK", ANSWER.format(escape(f"{topic}:{uuid.uuid4()}"), uuid.uuid4())

    def _deliver(self, topic: str, request: Mapping[str, Any]) -> Answer:
        answer = post(self.endpoints[topic], request)
        if not 200 <= answer.status < 300:
            raise SandboxError(f"The webhook answered {answer.status} to a message of {topic}.")
        return answer


def topic_arn(name: str) -> str:
    """The ARN of a topic."""
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"


def post(url: str, request: Mapping[str, Any]) -> Answer:
    """Post as SNS does: first without credentials, and with them if the webhook asks for them.

    :param url: ``http://user:password@host:port/path``.
    :param request: made by :mod:`anymail.testing`.
    """
    parts = urlsplit(url)
    headers = {
        "Content-Type": request["content_type"],
        "User-Agent": USER_AGENT,
        **request["headers"],
    }
    status, challenge = _post_once(url, request["data"], headers)
    challenged = status == 401 and challenge.lower().startswith("basic")
    if challenged and parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(pair.encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
        status, _ = _post_once(url, request["data"], headers)
    return Answer(status, challenged)


def _post_once(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", parts.path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("WWW-Authenticate", "")
    finally:
        connection.close()
