"""Attributes of a message, merged with their defaults."""

from .merging import (
    combine,
    combine_deeply,
    concat_lists,
    force_non_lazy,
    force_non_lazy_dict,
    force_non_lazy_list,
    is_lazy,
    last,
    merge_dicts_deep,
    merge_dicts_one_level,
    merge_dicts_shallow,
    update_deep,
)
from .reader import AttributeReader, has_recipients

__all__ = [
    "AttributeReader",
    "combine",
    "combine_deeply",
    "concat_lists",
    "force_non_lazy",
    "force_non_lazy_dict",
    "force_non_lazy_list",
    "has_recipients",
    "is_lazy",
    "last",
    "merge_dicts_deep",
    "merge_dicts_one_level",
    "merge_dicts_shallow",
    "update_deep",
]
