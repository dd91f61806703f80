"""Parsing and encoding of addresses."""

from __future__ import annotations

import copy
import pickle
import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import formataddr, getaddresses

from django.test import SimpleTestCase
from django.utils.translation import gettext_lazy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anymail.addresses import (
    IDNA_ENCODERS,
    EmailAddress,
    idna_encoder,
    parse_address_list,
    parse_single_address,
)
from anymail.exceptions import AnymailConfigurationError, AnymailInvalidAddress
from anymail.mime.encoded_words import encode_words

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NO_LINE_BREAKS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1
)


def decoded(text: str) -> str:
    """What a reader of the header sees, according to the standard library."""
    return str(make_header(decode_header(text)))


def addr_specs(value, field=None):
    return [address.addr_spec for address in parse_address_list(value, field)]


def upper(domain: str) -> str:
    """An IDNA encoder for the tests."""
    return domain.encode("ascii", "replace").decode().upper()


class EmailAddressTests(SimpleTestCase):
    def test_it_has_a_display_name_and_an_addr_spec(self):
        address = EmailAddress("Ann", "ann@example.com")
        self.assertEqual(address.display_name, "Ann")
        self.assertEqual(address.addr_spec, "ann@example.com")
        self.assertEqual(address.username, "ann")
        self.assertEqual(address.domain, "example.com")

    def test_it_takes_both_as_a_pair(self):
        self.assertEqual(EmailAddress(("Ann", "ann@example.com")).addr_spec, "ann@example.com")

    def test_absent_parts_are_empty(self):
        address = EmailAddress(None, None)
        self.assertEqual((address.display_name, address.addr_spec), ("", ""))
        self.assertEqual((address.username, address.domain), ("", ""))

    def test_the_domain_stands_after_the_last_at(self):
        address = EmailAddress("", '"a@b"@example.com')
        self.assertEqual((address.username, address.domain), ('"a@b"', "example.com"))

    def test_line_breaks_are_refused_everywhere(self):
        for parts in (("A\nB", "a@x.com"), ("A\rB", "a@x.com"), ("A", "a@x.com\n"), ("", "\ra@b")):
            with self.subTest(parts=parts), self.assertRaises(ValueError):
                EmailAddress(*parts)

    def test_as_text_it_is_readable(self):
        cases = {
            ("", "ann@example.com"): "ann@example.com",
            ("Ann", "ann@example.com"): "Ann <ann@example.com>",
            ("Änn Üx", "ann@example.com"): "Änn Üx <ann@example.com>",
            ("Ann", "ann@münchen.example"): "Ann <ann@münchen.example>",
            ("Änn, x", "ä@münchen.example"): '"Änn, x" <ä@münchen.example>',
        }
        for parts, expected in cases.items():
            with self.subTest(parts=parts):
                self.assertEqual(str(EmailAddress(*parts)), expected)
                self.assertEqual(EmailAddress(*parts).address, expected)

    def test_special_characters_in_a_name_are_quoted(self):
        for name in (
            'a "b" c',
            "Last, First",
            "back\\slash",
            "a@b",
            "x:y;z",
            "[1]",
            "J. R.",
            "(c)",
        ):
            with self.subTest(name=name):
                text = str(EmailAddress(name, "ann@example.com"))
                self.assertEqual(getaddresses([text]), [(name, "ann@example.com")])

    def test_special_characters_in_a_name_that_is_not_ascii_are_quoted(self):
        for name in ('ä "b" c', "Läst, First", "bäck\\slash", "ä@b"):
            with self.subTest(name=name):
                text = str(EmailAddress(name, "ann@example.com"))
                self.assertEqual(getaddresses([text]), [(name, "ann@example.com")])

    def test_formataddr_encodes_names_that_are_not_ascii(self):
        text = EmailAddress("Änn", "ann@example.com").formataddr()
        self.assertEqual(text, "=?utf-8?b?w4Rubg==?= <ann@example.com>")

    def test_formataddr_takes_another_charset(self):
        text = EmailAddress("Änn", "ann@example.com").formataddr("iso-8859-1")
        self.assertEqual(text, "=?iso-8859-1?b?xG5u?= <ann@example.com>")

    def test_the_charset_of_an_encoded_name_is_called_by_its_mail_label(self):
        for charset in ("gb2312", "big5", "euc-jp"):
            with self.subTest(charset=charset):
                text = EmailAddress("中", "ann@example.com").formataddr(charset)
                self.assertTrue(text.startswith(f"=?{charset}?"), text)
                self.assertEqual(parse_single_address(text).display_name, "中")

    def test_a_name_of_control_characters_is_encoded(self):
        for name in ("a\x00b", "a\tb", "a\x7fb", "\x1b[31m"):
            with self.subTest(name=name):
                text = EmailAddress(name, "ann@example.com").format()
                self.assertTrue(text.isprintable())
                self.assertEqual(decoded(text), f"{name} <ann@example.com>")

    def test_a_name_that_looks_encoded_is_encoded_once_more(self):
        name = "=?utf-8?q?=41?="
        text = EmailAddress(name, "ann@example.com").format()
        self.assertEqual(decoded(text), f"{name} <ann@example.com>")

    @given(NO_LINE_BREAKS)
    @example("Last, First")
    @example('Ann "the\\x" Ä')
    @settings(max_examples=200, deadline=None)
    def test_every_name_comes_back_from_the_header(self, name):
        text = EmailAddress(name, "ann@example.com").format()
        self.assertTrue(text.isascii())
        [(phrase, addr_spec)] = getaddresses([text])
        self.assertEqual(addr_spec, "ann@example.com")
        if "=?" in text:
            self.assertEqual(decoded(phrase), name)
        else:  # white space in a phrase is not significant (RFC 5322 section 3.2.3)
            self.assertEqual(phrase.split(), name.split())

    def test_the_standard_library_reads_it_back_from_a_message(self):
        for name in ("Ann", "Last, First", "Änn, Üx", 'a "b" \\c'):
            with self.subTest(name=name):
                message = EmailMessage()
                message["To"] = EmailAddress(name, "ann@example.com").format()
                [address] = message["To"].addresses
                self.assertEqual(address.display_name, name)
                self.assertEqual(address.addr_spec, "ann@example.com")

    def test_equal_addresses_are_equal(self):
        one, two = EmailAddress("Ann", "ann@x.com"), EmailAddress("Ann", "ann@x.com")
        self.assertEqual(one, two)
        self.assertEqual(len({one, two}), 1)
        self.assertNotEqual(one, EmailAddress("Ann", "ann@y.com"))
        self.assertNotEqual(one, EmailAddress("", "ann@x.com"))
        self.assertNotEqual(one, "Ann <ann@x.com>")

    def test_it_can_be_copied_and_pickled(self):
        address = EmailAddress("Ann", "ann@x.com")
        self.assertEqual(copy.deepcopy(address), address)
        self.assertEqual(pickle.loads(pickle.dumps(address)), address)

    def test_its_representation_shows_both_parts(self):
        self.assertEqual(repr(EmailAddress("Ann", "ann@x.com")), "<EmailAddress: ***@x.com>")


class ParseTests(SimpleTestCase):
    def test_one_string_may_hold_several_addresses(self):
        self.assertEqual(
            parse_address_list(["Ann <ann@x.com>, bob@x.com", "cat@x.com"]),
            [
                EmailAddress("Ann", "ann@x.com"),
                EmailAddress("", "bob@x.com"),
                EmailAddress("", "cat@x.com"),
            ],
        )

    def test_a_bare_string_is_one_of_them(self):
        self.assertEqual(addr_specs("ann@x.com"), ["ann@x.com"])

    def test_none_is_an_empty_list(self):
        self.assertEqual(parse_address_list(None), [])
        self.assertEqual(parse_address_list([]), [])

    def test_any_iterable_will_do(self):
        self.assertEqual(addr_specs(a for a in ("a@x.com", "b@x.com")), ["a@x.com", "b@x.com"])

    def test_lazy_strings_are_resolved(self):
        lazy = gettext_lazy("Ann <ann@x.com>")
        self.assertEqual(addr_specs([lazy]), ["ann@x.com"])
        self.assertEqual(addr_specs(lazy), ["ann@x.com"])
        self.assertEqual(parse_single_address(lazy).display_name, "Ann")

    def test_quoted_names_may_hold_commas(self):
        self.assertEqual(
            parse_address_list(['"Last, First" <ann@x.com>']),
            [EmailAddress("Last, First", "ann@x.com")],
        )

    def test_addresses_stay_as_they_are_spelled(self):
        self.assertEqual(addr_specs(["Ann.X@MÜNCHEN.example"]), ["Ann.X@MÜNCHEN.example"])

    def test_invalid_addresses_are_refused(self):
        invalid = ["", " ", "ann", "ann@", "@x.com", "<>", "Ann", "Ann <>", "Ann <ann>", "<@x.com>"]
        for text in invalid:
            with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress):
                parse_address_list(["good@x.com", text], field="to")

    def test_the_error_names_the_field_and_the_position(self):
        with self.assertRaises(AnymailInvalidAddress) as caught:
            parse_address_list(["ann@x.com", "bob"], field="cc")
        self.assertIn("in `cc` (item 2 of 2)", str(caught.exception))

    def test_the_error_says_what_is_wrong(self):
        for text, problem in {
            "ann": "there is no @domain",
            "ann@": "nothing stands after the @",
            "@x.com": "nothing stands before the @",
        }.items():
            with self.subTest(text=text):
                with self.assertRaises(AnymailInvalidAddress) as caught:
                    parse_address_list([text])
                self.assertIn(problem, str(caught.exception))

    def test_the_error_never_contains_the_address(self):
        for text in ("secret.name@", "secret.name", "Secret.Name <x>", "secret.name@x.com\n"):
            with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress) as caught:
                parse_address_list([text], "to")
            self.assertNotIn("secret.name", str(caught.exception).lower())

    def test_an_unquoted_comma_in_a_name_is_hinted_at(self):
        with self.assertRaises(AnymailInvalidAddress) as caught:
            parse_address_list(["Last, First <ann@x.com>"], field="to")
        self.assertNotIn("ann@x.com", str(caught.exception))
        self.assertIn("quotes", str(caught.exception))

    def test_something_else_than_text_is_refused_by_its_type(self):
        for value in (5, b"ann@x.com", ("Ann", "ann@x.com")):
            with self.subTest(value=value), self.assertRaises(AnymailInvalidAddress) as caught:
                parse_address_list([value], field="bcc")
            self.assertIn(f"not {type(value).__name__}", str(caught.exception))
            self.assertIn("in `bcc`", str(caught.exception))

    def test_control_characters_are_refused_before_anything_is_parsed(self):
        for code in (*range(32), *range(127, 160)):
            character = chr(code)
            for text in (
                f"ann@x.com{character}",
                f"{character}ann@x.com",
                f"ann@x.com{character}, bob@x.com",
                f'"Ann{character}<bob@x.com>, " <ann@x.com>',
                f"ann@x.com (a{character}b)",
            ):
                with self.subTest(text=ascii(text)), self.assertRaises(AnymailInvalidAddress):
                    parse_address_list([text])

    def test_control_characters_in_encoded_words_are_refused(self):
        for text in ("=?utf-8?q?a=0D=0Ab?= <ann@x.com>", "=?utf-8?b?YQti?= <ann@x.com>"):
            with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress):
                parse_address_list([text])

    def test_what_only_some_pythons_refuse_is_refused(self):
        for text in (
            "alice@x.com <bob@x.com>",
            "alice@x.com)bob@x.com",
            "ann@exam ple.com",
            "ann @x.com",
            "Ann ann@x.com",
            "Ann [Support] <ann@x.com>",
            "<ann@x.com> bob@x.com",
            "<ann@x.com> <bob@x.com>",
            "ann@x.com; bob@x.com",
            '"Ann <ann@x.com>',
            "Ann <ann@x.com",
            "ann@x.com@y.com",
            "x:ann@x.com",
        ):
            with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress):
                parse_address_list([text])

    def test_encoded_names_are_decoded(self):
        for charset in ("utf-8", "iso-8859-1"):
            text = formataddr(("Käse GmbH, Köln", "ann@x.com"), charset)
            self.assertEqual(
                parse_address_list([text]), [EmailAddress("Käse GmbH, Köln", "ann@x.com")]
            )

    def test_none_in_a_list_is_passed_over(self):
        self.assertEqual(parse_address_list([None]), [])
        self.assertEqual(addr_specs([None, "ann@x.com"]), ["ann@x.com"])

    def test_a_single_address_is_exactly_one(self):
        self.assertEqual(parse_single_address("ann@x.com").addr_spec, "ann@x.com")
        for text in ("a@x.com, b@x.com", ""):
            with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress) as caught:
                parse_single_address(text, field="envelope_sender")
            self.assertIn("in `envelope_sender`", str(caught.exception))

    @given(st.text(max_size=60))
    @settings(max_examples=200, deadline=None)
    def test_any_text_is_parsed_or_refused(self, text):
        try:
            for address in parse_address_list([text]):
                self.assertTrue(address.username)
                self.assertTrue(address.domain)
        except AnymailInvalidAddress:
            pass


class IdnaTests(SimpleTestCase):
    def encoded(self, domain: str, choice) -> str:
        return EmailAddress("", f"ann@{domain}").format_addr_spec(idna_encoder(choice))

    def test_idna2008_is_what_registries_use_today(self):
        self.assertEqual(self.encoded("faß.example", "idna2008"), "ann@xn--fa-hia.example")
        self.assertEqual(self.encoded("MÜNCHEN.example", "idna2008"), "ann@xn--mnchen-3ya.example")

    def test_idna2003_maps_sharp_s(self):
        self.assertEqual(self.encoded("faß.example", "idna2003"), "ann@fass.example")

    def test_uts46_allows_more(self):
        self.assertEqual(self.encoded("faß.example", "uts46"), "ann@xn--fa-hia.example")
        self.assertEqual(self.encoded("☃.example", "uts46"), "ann@xn--n3h.example")
        self.assertEqual(self.encoded("MÜNCHEN.example", "uts46"), "ann@xn--mnchen-3ya.example")

    def test_idna2008_refuses_symbols_and_names_the_setting(self):
        with self.assertRaises(AnymailInvalidAddress) as caught:
            self.encoded("☃.example", "idna2008")
        self.assertIn('ANYMAIL["IDNA_ENCODER"]', str(caught.exception))
        self.assertNotIn("ann", str(caught.exception).replace("can't", ""))
        self.assertIsInstance(caught.exception.__cause__, UnicodeError)

    def test_every_encoder_refuses_what_cannot_be_a_domain(self):
        for choice in ("idna2008", "idna2003"):
            with self.subTest(choice=choice), self.assertRaises(AnymailInvalidAddress):
                self.encoded("ü" + "u" * 70 + ".example", choice)

    def test_none_leaves_the_domain_alone(self):
        self.assertEqual(self.encoded("münchen.example", "none"), "ann@münchen.example")

    def test_a_domain_in_ascii_never_reaches_the_encoder(self):
        self.assertEqual(self.encoded("EXAMPLE.com", upper), "ann@EXAMPLE.com")
        self.assertEqual(self.encoded("a_b.example.com", "idna2008"), "ann@a_b.example.com")

    def test_the_local_part_is_left_alone(self):
        address = EmailAddress("", "ä@münchen.example")
        self.assertEqual(
            address.format_addr_spec(idna_encoder("idna2008")), "ä@xn--mnchen-3ya.example"
        )

    def test_it_may_be_a_function(self):
        self.assertEqual(self.encoded("ä.example", upper), "ann@?.EXAMPLE")

    def test_it_may_be_a_dotted_path(self):
        self.assertEqual(self.encoded("ä.example", f"{__name__}.upper"), "ann@?.EXAMPLE")

    def test_every_name_that_is_documented_is_known(self):
        self.assertEqual(set(IDNA_ENCODERS), {"idna2008", "idna2003", "uts46", "none"})

    def test_an_unknown_name_is_a_configuration_error(self):
        for choice in ("idna2010", "nowhere.encode", "anymail.addresses.IDNA_ENCODERS"):
            with (
                self.subTest(choice=choice),
                self.assertRaises(AnymailConfigurationError) as caught,
            ):
                idna_encoder(choice)
            self.assertIn(choice, str(caught.exception))
            self.assertIn("idna2008", str(caught.exception))

    def test_format_encodes_name_and_domain(self):
        text = EmailAddress("Änn", "ann@münchen.example").format(
            idna_encode=idna_encoder("idna2008")
        )
        self.assertEqual(text, "=?utf-8?b?w4Rubg==?= <ann@xn--mnchen-3ya.example>")


class EncodeWordsTests(SimpleTestCase):
    @given(ANY_TEXT, st.integers(0, 60))
    @example("ä" * 100, 0)
    @example("日本語のテキスト" * 20, 20)
    @example("a b  c" * 30, 7)
    @example("\U0001f600" * 40, 30)
    @example("\r\n\x00\t =?utf-8?q?x?= _?=", 0)
    @example("", 0)
    @settings(max_examples=300, deadline=None)
    def test_decoding_gives_back_exactly_the_text(self, text, first_column):
        encoded = encode_words(text, first_column=first_column)
        self.assertEqual(decoded(encoded), text)

    @given(ANY_TEXT, st.integers(0, 60))
    @example("ä" * 200, 60)
    @settings(max_examples=300, deadline=None)
    def test_every_word_is_well_formed_and_at_most_75_long(self, text, first_column):
        for word in encode_words(text, first_column=first_column).split(" "):
            self.assertLessEqual(len(word), 75)
            self.assertTrue(
                not word or re.fullmatch(r"=\?[a-z0-9-]+\?[bqBQ]\?[!-~]*\?=", word), word
            )

    def test_the_first_word_leaves_room_for_the_name_of_the_header(self):
        first = encode_words("ä" * 100, first_column=30).split(" ")[0]
        self.assertLessEqual(30 + len(first), 76)

    def test_only_characters_that_a_display_name_may_have_are_left_bare(self):
        """RFC 2047 section 5 (3)."""
        text = encode_words("".join(f"quoted{c}" for c in '"(),<>@;:.[]\\ä'))
        words = re.findall(r"\?q\?(.*?)\?= ?", text)
        self.assertRegex("".join(words), r"^[A-Za-z0-9!*+/=_-]+$")

    def test_no_character_is_cut_in_two(self):
        for word in encode_words("日本語" * 50).split(" "):
            self.assertNotIn("\ufffd", decoded(word))

    def test_text_that_is_mostly_ascii_stays_readable(self):
        self.assertEqual(encode_words("Müller & Sohn"), "=?utf-8?q?M=C3=BCller_=26_Sohn?=")

    def test_a_charset_that_cannot_express_the_text_is_replaced_by_utf_8(self):
        for charset in ("iso-8859-1", "us-ascii", "no-such-charset"):
            with self.subTest(charset=charset):
                encoded = encode_words("日本語", charset)
                self.assertTrue(encoded.startswith("=?utf-8?"))
                self.assertEqual(decoded(encoded), "日本語")

    def test_another_charset_is_used_where_it_can(self):
        encoded = encode_words("Müller", "iso-8859-1")
        self.assertTrue(encoded.startswith("=?iso-8859-1?"))
        self.assertEqual(decoded(encoded), "Müller")

    def test_half_a_character_is_an_error(self):
        with self.assertRaises(UnicodeEncodeError):
            encode_words("a\ud800b")
