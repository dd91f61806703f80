"""Encoded-words (RFC 2047)."""

from __future__ import annotations

from django.test import SimpleTestCase
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anymail.mime.encoded_words import decode_base64, decode_encoded_words, encode_words

from ..clock import cpu_growth

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


class EncodedWordTests(SimpleTestCase):
    def assert_decoded(self, cases):
        for text, expected in cases.items():
            with self.subTest(text=ascii(text)):
                self.assertEqual(decode_encoded_words(text), expected)

    def test_white_space_is_kept_except_between_words(self):
        self.assert_decoded(
            {
                "=?utf-8?Q?M=C3=BCl?= =?utf-8?Q?ler?=": "Müller",
                "=?utf-8?q?a?= \t =?iso-8859-1?q?=E9?=": "aé",
                "x =?utf-8?q?a?= y =?utf-8?q?b?=": "x a y b",
                " =?utf-8?q?a?= ": " a ",
                "=?utf-8?q?a_?= =?utf-8?q?_b?=": "a  b",
            }
        )

    def test_a_character_cut_in_two_is_put_together(self):
        self.assert_decoded({"=?gb2312?B?1tDO?= =?GB2312?B?xA==?=": "中文"})

    def test_raw_bytes_in_a_word_are_of_its_charset_or_utf_8_or_windows_1252(self):
        self.assert_decoded(
            {
                "=?utf-8?Q?Caf\udcc3\udca9_Z=C3=BCrich?=": "Café Zürich",
                "=?iso-8859-2?Q?\udcb1?=": "ą",
                "=?us-ascii?Q?\udcc3\udca9?=": "é",
                "=?utf-8?Q?Caf\udce9?=": "Café",
                "=?iso-8859-1?Q?é?=": "é",
            }
        )

    def test_raw_bytes_outside_of_words_are_utf_8_or_windows_1252(self):
        self.assert_decoded({"\udcc3\udca9 \udce9": "é é", "a\ud800b": "a\ufffdb"})

    def test_what_senders_do_to_words_is_read(self):
        self.assert_decoded(
            {
                "=?iso-8859-1*de?q?K=E4se?=": "Käse",
                "=?utf-8?Q?Hello World?=": "Hello World",
                "=?utf-8?Q?How_are_you??=": "How are you?",
                "=?utf-8?q?=41=?=": "A=",
                "=?utf-8?q?a?==?utf-8?q?b?=": "ab",
                "=?utf-8?b?YW!Ji?=": "abb",
                "=?utf-8?b?YQ==Yg==?=": "ab",
                "=?no-such-charset?q?=C3=A9?=": "é",
                "=?utf-8?q??=": "",
            }
        )

    def test_what_is_no_word_stays(self):
        self.assert_decoded(
            {text: text for text in ("=?utf-8?x?a?=", "a=?b", "=?utf-8?q?a", "=?=")}
        )

    def test_nul_is_dropped(self):
        self.assert_decoded({"a\x00b =?utf-8?q?c=00d?=": "ab cd"})

    def test_base64_with_a_stray_letter_or_several_pieces_is_read(self):
        for data in (b"SGVsbG8=", b"SGVs\r\nbG8=X", b"SGU=bGxv", b"SGVsbG8", b"SG VsbG8=="):
            with self.subTest(data=data):
                self.assertEqual(decode_base64(data), b"Hello")

    @given(ANY_TEXT, st.integers(0, 60))
    @example("日本語 " * 30, 10)
    @settings(max_examples=200, deadline=None)
    def test_what_we_encode_is_read_back(self, text, first_column):
        text = text.removeprefix("\ufeff")
        self.assertEqual(decode_encoded_words(encode_words(text, first_column=first_column)), text)

    def test_time_grows_with_the_length_alone(self):
        for unit in ("=?a?q?", "=?", "=?a?q?x=?=", "=?a?q?=", "=?a*b", "=?a?q?? ", "=?a?b?=E9?= "):
            with self.subTest(unit=unit):
                self.assertLess(cpu_growth(decode_encoded_words, unit), 9)


class AnyTextTests(SimpleTestCase):
    @given(st.text(st.sampled_from('=?qbQB*utf-8_ \udce9\ud800é\x00AQ("<'), max_size=60))
    @settings(max_examples=500, deadline=None)
    def test_anything_can_be_stored(self, text):
        decoded = decode_encoded_words(text)
        decoded.encode()
        self.assertNotIn("\x00", decoded)
