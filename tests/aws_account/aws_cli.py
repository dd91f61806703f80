"""The part of the ``aws`` command line tool that our texts use, from botocore's models as its own.

Source: AWS CLI User Guide, "Specifying parameter values".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore import xform_name

#: Options that the tool does not name like the parameters.
RENAMED = {("sns", "subscribe", "Endpoint"): "notification-endpoint"}


def run_aws(command: str, client: Callable[..., Any]) -> Any:
    """Run ``aws SERVICE OPERATION --option value …``.

    :param client: makes a boto3 client from the name of a service, and a ``region``.
    :raises ValueError: the tool would not know the command, or an option.
    """
    program, service, operation, *words = shlex.split(command.replace("\\\n", " "))
    if program != "aws":
        raise ValueError(f"{program} is not the aws tool")
    options = dict(_options(words))
    region = options.pop("region", None)
    made = client(*_service(service), *([region[0]] if region else []))
    model = made.meta.service_model.operation_model(_named(made, operation))
    members = model.input_shape.members if model.input_shape else {}
    by_option = {
        RENAMED.get((service, operation, name), _dashed(name)): (name, shape)
        for name, shape in members.items()
    }
    params = dict(_param(by_option, option, values) for option, values in options.items())
    return getattr(made, xform_name(model.name))(**params)


def _service(name: str) -> tuple[str]:
    return ("s3" if name == "s3api" else name,)


def _dashed(name: str) -> str:
    return xform_name(name, "-")


def _named(client: Any, operation: str) -> str:
    names = {_dashed(name): name for name in client.meta.service_model.operation_names}
    if operation not in names:
        raise ValueError(f"There is no operation {operation}")
    return names[operation]


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The options of a command, each with its values."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            name, has_value, value = word[2:].partition("=")
            found.append((name, [value] if has_value else []))
        elif not found:
            raise ValueError(f"{word} belongs to no option")
        else:
            found[-1][1].append(word)
    return iter(found)


def _param(by_option: dict[str, Any], option: str, values: list[str]) -> tuple[str, Any]:
    if option in by_option:
        name, shape = by_option[option]
        return name, _value(shape, values)
    positive = option.removeprefix("no-")
    if positive in by_option and by_option[positive][1].type_name == "boolean":
        return by_option[positive][0], False
    raise ValueError(f"There is no option --{option}")


def _value(shape: Any, values: list[str]) -> Any:
    """What one or more words mean for a parameter: JSON, shorthand, or the words themselves."""
    kind = shape.type_name
    if kind == "boolean":
        return not values or values == ["true"]
    if len(values) == 1 and values[0][:1] in ("{", "[") and kind != "string":
        return json.loads(values[0])
    if kind == "list":
        of_structures = shape.member.type_name == "structure"
        return [_shorthand(word) if of_structures else word for word in values]
    if kind in ("structure", "map"):
        return _shorthand(values[0])
    return int(values[0]) if kind in ("integer", "long") else values[0]


def _shorthand(word: str) -> dict[str, Any]:
    """``Key=Value,Other=1``."""
    pairs = (pair.partition("=") for pair in word.split(","))
    booleans = {"true": True, "false": False}
    return {key: booleans.get(value, value) for key, _, value in pairs}
