"""What a comparison of a resource with what AWS has ends in: steps, and remarks. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .resources import Place

#: Options of the command line tool of AWS that are not named like the API's parameters.
AWS_CLI_NAMES = {("sns", "subscribe", "Endpoint"): "notification-endpoint"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of AWS, not yet made.

    :param service: boto3's name.
    :param operation: the method of the boto3 client, for example ``"create_topic"``.
    :param params: its keyword arguments; they may hold the secret of the webhooks.
    """

    service: str
    operation: str
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A change to make.

    :param is_new: it makes a resource; otherwise it adds to one.
    :param text: what it makes or adds.
    """

    is_new: bool
    text: str
    call: Call


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that is there, and not as it should be.

    :param fix: a call to make, or what to do.
    :param is_blocking: nothing must be changed before a person has decided.
    """

    text: str
    fix: Call | str
    is_blocking: bool = False


Outcome: TypeAlias = Step | Remark


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is the same for all resources.

    :param tags: of all that can be tagged.
    :param secret: ``user:password`` of the webhooks; empty if they have none.
    """

    place: Place
    tags: Mapping[str, str]
    secret: str = field(default="", repr=False)


def call(service: str, operation: str, /, **params: Any) -> Call:
    """A call.

    :param params: None leaves one out.
    """
    given = {name: value for name, value in params.items() if value is not None}
    return Call(service=service, operation=operation, params=given)


def creation(title: str, made: Call) -> Step:
    """A step that makes a resource."""
    return Step(is_new=True, text=title, call=made)


def addition(text: str, made: Call) -> Step:
    """A step that adds something to a resource."""
    return Step(is_new=False, text=text, call=made)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags, as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def command(made: Call, region: str | None = None) -> str:
    """A call for the command line tool of AWS, in one line.

    :param region: None for the tool's own.
    """
    service = "s3api" if made.service == "s3" else made.service
    words = ["aws", service, made.operation.replace("_", "-")]
    words += ["--region", region] if region else []
    for name, value in made.params.items():
        option = _option(made, name)
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", value if isinstance(value, str) else json.dumps(value)]
    return shlex.join(words)


def _option(made: Call, name: str) -> str:
    """``TopicArn`` -> ``topic-arn``, ``DkimSigningAttributes`` -> ``dkim-signing-attributes``."""
    dashed = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return AWS_CLI_NAMES.get((made.service, made.operation, name), dashed.lstrip("-"))
