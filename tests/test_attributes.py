"""Merging values with their defaults."""

from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase
from django.utils.translation import gettext_lazy

from anymail import utils
from anymail.attributes import (
    AttributeReader,
    combine,
    combine_deeply,
    force_non_lazy,
    force_non_lazy_dict,
    force_non_lazy_list,
    last,
)
from anymail.conf import UNSET
from anymail.exceptions import AnymailSerializationError
from anymail.message import AnymailMessage


class CombineTests(SimpleTestCase):
    def test_unset_is_passed_over(self):
        self.assertIs(combine(UNSET, UNSET), UNSET)
        self.assertEqual(combine(UNSET, 1, UNSET), 1)

    def test_none_forgets_what_came_before(self):
        self.assertIs(combine({"a": 1}, None), UNSET)
        self.assertEqual(combine({"a": 1}, None, {"b": 2}), {"b": 2})
        self.assertIs(combine_deeply({"a": 1}, None), UNSET)
        self.assertEqual(combine_deeply({"a": 1}, None, {"b": 2}), {"b": 2})

    def test_dicts_are_merged_and_lists_joined(self):
        self.assertEqual(combine({"a": 1, "b": 1}, {"b": 2}), {"a": 1, "b": 2})
        self.assertEqual(combine([1], (2,), [3]), [1, 2, 3])

    def test_the_arguments_are_not_changed(self):
        one, two = {"a": {"x": 1}}, {"a": {"y": 2}}
        combine(one, two)["c"] = 1
        combine_deeply(one, two)["a"]["z"] = 1
        self.assertEqual((one, two), ({"a": {"x": 1}}, {"a": {"y": 2}}))

    def test_the_last_value_wins(self):
        self.assertEqual(last(1, 2), 2)
        self.assertEqual(last(1, UNSET), 1)
        self.assertIs(last(1, None), UNSET)
        self.assertIs(last(UNSET), UNSET)

    def test_lazy_strings_are_forced(self):
        self.assertIs(type(force_non_lazy(gettext_lazy("a"))), str)
        self.assertEqual(force_non_lazy(5), 5)
        self.assertEqual(force_non_lazy_list([gettext_lazy("a"), 1]), ["a", 1])
        self.assertEqual(force_non_lazy_dict({"a": {"b": gettext_lazy("c")}}), {"a": {"b": "c"}})
        self.assertIsNone(force_non_lazy_list(None))
        self.assertIsNone(force_non_lazy_dict(None))


class ReaderTests(SimpleTestCase):
    def test_what_contains_itself_is_told_whoever_it_comes_from(self):
        endless: dict[str, Any] = {}
        endless["a"] = endless
        for own, default in (({}, endless), (endless, {}), (endless, endless)):
            message = AnymailMessage(esp_extra=own)
            with self.subTest(own), self.assertRaisesRegex(AnymailSerializationError, "esp_extra"):
                AttributeReader(message, {"esp_extra": default}).dictionary("esp_extra")


class NamesOfApplicationsTests(SimpleTestCase):
    """What applications written for django-anymail import from anymail.utils."""

    def test_lists_and_dicts_are_merged(self):
        self.assertEqual(utils.concat_lists([1], utils.UNSET, (2,)), [1, 2])
        one, two = {"a": {"b": {"x": 1}}, "c": 1}, {"a": {"b": {"y": 2}}}
        self.assertEqual(utils.merge_dicts_shallow(one, two), {"a": {"b": {"y": 2}}, "c": 1})
        self.assertEqual(utils.merge_dicts_one_level(one, two), {"a": {"b": {"y": 2}}, "c": 1})
        deep = {"a": {"b": {"x": 1, "y": 2}}, "c": 1}
        self.assertEqual(utils.merge_dicts_deep(one, two), deep)
        self.assertEqual(one, {"a": {"b": {"x": 1}}, "c": 1})
        utils.update_deep(one, two)
        self.assertEqual(one, deep)

    def test_lazy_strings_are_told_from_others(self):
        self.assertTrue(utils.is_lazy(gettext_lazy("a")))
        self.assertFalse(utils.is_lazy("a"))

    def test_an_address_can_be_a_dict_and_tells_whether_it_needs_smtputf8(self):
        address = utils.EmailAddress("Ann", "ann@x.com")
        self.assertEqual(address.as_dict(), {"email": "ann@x.com", "name": "Ann"})
        self.assertEqual(utils.EmailAddress("", "ann@x.com").as_dict(), {"email": "ann@x.com"})
        self.assertFalse(utils.EmailAddress("", "ann@münchen.example").uses_eai)
        self.assertTrue(utils.EmailAddress("", "änn@x.com").uses_eai)
