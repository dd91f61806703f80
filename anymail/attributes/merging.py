"""Merging values of attributes, and making lazy strings plain ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise

from ..conf import UNSET


def combine(*values: Any) -> Any:
    """Merge defaults with a message's own value: dicts by key, lists by concatenation.

    Later ones win; UNSET is passed over; None forgets what came before.

    :param values: all dicts, or all iterables.
    :return: UNSET if there is nothing.
    """
    result: Any = UNSET
    for value in values:
        if value is None:
            result = UNSET
        elif value is UNSET:
            continue
        elif result is UNSET:
            result = dict(value) if isinstance(value, Mapping) else value
        elif isinstance(result, dict):
            result = {**result, **value}
        else:
            result = [*result, *value]
    return result


def combine_deeply(*values: Any, levels: int | None = None) -> Any:
    """Like :func:`combine`, but dicts within dicts are merged too.

    :param values: dicts.
    :param levels: how many dicts deep; None for all the way.
    :return: UNSET if there is nothing.
    """
    result: Any = UNSET
    for value in values:
        if value is None:
            result = UNSET
        elif value is not UNSET:
            result = _merge({} if result is UNSET else result, value, levels)
    return result


def concat_lists(*values: Any) -> Any:
    """:func:`combine` for lists."""
    return combine(*values)


def merge_dicts_shallow(*values: Any) -> Any:
    """:func:`combine` for dicts."""
    return combine(*values)


def merge_dicts_one_level(*values: Any) -> Any:
    """:func:`combine` for dicts of dicts, which are merged too."""
    return combine_deeply(*values, levels=2)


def merge_dicts_deep(*values: Any) -> Any:
    """:func:`combine` for dicts, with dicts inside them merged all the way."""
    return combine_deeply(*values)


def update_deep(target: dict[Any, Any], other: Mapping[Any, Any]) -> None:
    """Update a dict in place, including dicts inside it.

    :param target: is changed.
    :param other: wins.
    """
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            update_deep(target[key], value)
        else:
            target[key] = value


def is_lazy(value: Any) -> bool:
    """Whether it is one of Django's lazy objects, such as a lazy translation."""
    return isinstance(value, Promise)


def last(*values: Any) -> Any:
    """The last value that is not UNSET; None counts as UNSET."""
    found = next((value for value in reversed(values) if value is not UNSET), UNSET)
    return UNSET if found is None else found


def force_non_lazy(value: Any) -> Any:
    """A str for a lazy string, anything else as it is."""
    return str(value) if isinstance(value, Promise) else value


def force_non_lazy_list(values: Iterable[Any] | None) -> list[Any] | None:
    """A list with every lazy string forced."""
    return None if values is None else [force_non_lazy(value) for value in values]


def force_non_lazy_dict(values: Mapping[Any, Any] | None) -> dict[Any, Any] | None:
    """A dict with every lazy string forced, in dicts and lists inside it too."""
    return None if values is None else {key: _force_deeply(item) for key, item in values.items()}


def _merge(one: Mapping[str, Any], two: Mapping[str, Any], levels: int | None) -> dict[str, Any]:
    merged = dict(one)
    for key, value in two.items():
        deeper = levels is None or levels > 1
        if deeper and isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value, None if levels is None else levels - 1)
        else:
            merged[key] = value
    return merged


def _force_deeply(value: Any) -> Any:
    if isinstance(value, dict):
        return force_non_lazy_dict(value)
    if isinstance(value, (list, tuple)):
        return force_non_lazy_list([_force_deeply(item) for item in value])
    return force_non_lazy(value)
