from __future__ import annotations

import time
from datetime import datetime, timezone

from django.test import SimpleTestCase, override_settings

from anymail.addresses.keys import bare_address
from anymail.database.columns import address_key, storable_json, storable_time, truncate
from anymail.feedback import columns as former


class AddressKeyTests(SimpleTestCase):
    def test_only_one_mailbox_is_taken_out_of_a_value(self) -> None:
        for value, bare in (
            ("Ann <ann@x.example>", "ann@x.example"),
            ('"Smith, Ann" <ann@x.example>', "ann@x.example"),
            ("victim@bank.example <mallory@evil.example>", "mallory@evil.example"),
            ("a@x.example, Bob <b@x.example>", "a@x.example, Bob <b@x.example>"),
            ("no address <", "no address <"),
            ("a<b", "a<b"),
        ):
            self.assertEqual(bare_address(value), bare)

    def test_long_values_are_cut_before_they_are_parsed_or_normalised(self) -> None:
        """Generous: milliseconds now, and up to 43 s before."""
        marks = "a" + "\u0301\u0316" * 50_000
        for value in (
            f"{marks}@example.com",
            f"ann@{marks}.example",
            f"x:{'a@b,' * 50_000}<",
            f"{'(a' * 50_000}<ann@example.com>",
            f"Ann <{marks}@example.com>",
        ):
            started = time.process_time()
            self.assertLessEqual(len(address_key(value)), 320)
            self.assertNotEqual(address_key(value), address_key(f"b{value}"))
            self.assertLess(time.process_time() - started, 2)

    def test_spellings_of_one_address(self) -> None:
        for one, other in (
            ("Ann@Example.COM", "ann@example.com"),
            ("Ann <ann@example.com>", "ann@example.com"),
            (" ann@example.com ", "ann@example.com"),
            ("ann@example.com.", "ann@example.com"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@BÜCHER.example", "ann@XN--bcher-kva.example"),
            ("jose\u0301@example.com", "JOSÉ@example.com"),
        ):
            self.assertEqual(address_key(one), address_key(other), one)

    def test_different_addresses(self) -> None:
        addresses = ["jose@x.example", "josé@x.example", "ann@x.example", "ann+1@x.example"]
        long = ["a" * 400 + end for end in "bc"]
        keys = {address_key(address) for address in addresses + long}
        self.assertEqual(len(keys), 6)

    def test_a_key_is_its_own_key(self) -> None:
        for address in ("josé@x.example", "a\x00@x", "A" * 500, "a\\b@x", "", "@", "😀", "a\ud800"):
            key = address_key(address)
            self.assertEqual(address_key(key), key)
            self.assertTrue(key.isascii())
            self.assertLessEqual(len(key), 320)

    def test_a_domain_that_cannot_be_encoded_stays(self) -> None:
        self.assertEqual(address_key("a@b\u00fc\u0378.x"), "a@b\\u00fc\\u0378.x")

    @override_settings(ANYMAIL={"IDNA_ENCODER": "idna2003"})
    def test_the_domain_is_encoded_as_it_is_for_sending(self) -> None:
        self.assertEqual(address_key("a@straße.example"), "a@strasse.example")

    def test_it_can_be_imported_from_where_it_was(self) -> None:
        self.assertIs(former.address_key, address_key)


class StorableTests(SimpleTestCase):
    def test_text_of_any_length(self) -> None:
        self.assertEqual(truncate("abc", 100), "abc")
        self.assertEqual(len(truncate("a" * 101, 100)), 100)

    def test_json_and_time(self) -> None:
        self.assertEqual(storable_json((1, {2: object}, 1.5)), [1, {"2": "<class 'object'>"}, 1.5])
        naive = datetime(2026, 1, 2)
        self.assertEqual(storable_time(naive), naive.replace(tzinfo=timezone.utc))
