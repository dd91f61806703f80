"""Charset labels of mail."""

from __future__ import annotations

from django.test import SimpleTestCase, tag
from hypothesis import given, settings
from hypothesis import strategies as st
from webencodings.labels import LABELS

from anymail.mime.charsets import CODE_PAGES, FURTHER_LABELS, decode, is_known


class CharsetTests(SimpleTestCase):
    def test_a_label_means_what_the_encoding_standard_says(self):
        for label, data, text in (
            ("gb2312", b"\xe9F\xa2\xe3", "镕€"),
            ("ISO-8859-1", b"\x93hi\x94 5\x80", "“hi” 5€"),
            ("iso-8859-9", b"5\x80", "5€"),
            ("ks_c_5601-1987", "똠".encode("cp949"), "똠"),
            ("shift_jis", "①㈱髙".encode("cp932"), "①㈱髙"),
            ("iso-8859-8-i", "שלום".encode("iso8859-8"), "שלום"),
            ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
            ("x-mac-cyrillic", "Привет".encode("mac-cyrillic"), "Привет"),
            ("big5", "中€".encode("cp950"), "中€"),
            ("big5", "嘅".encode("big5hkscs"), "嘅"),
        ):
            with self.subTest(label=label):
                self.assertEqual(decode(data, label), text)
                self.assertTrue(is_known(label))

    def test_other_spellings_and_code_pages_are_known(self):
        for label in ("cp-850", "IBM850", "cp_850", "850", " CP850\n"):
            with self.subTest(label=label):
                self.assertEqual(decode(b"\x82", label), "é")
        self.assertEqual(decode("я".encode("cp1251"), "win-1251"), "я")
        self.assertEqual(decode(b"+AOk-", "utf-7"), "é")

    def test_iso_2022_jp_holds_what_microsoft_added(self):
        self.assertEqual(decode(b"\x1b$B-!-j\x1b(I6E\x1b(Bx", "iso-2022-jp"), "①㈱ｶﾅx")
        text = "日本語のテキスト"
        self.assertEqual(decode(text.encode("iso2022_jp"), "ISO-2022-JP"), text)

    def test_each_line_of_iso_2022_jp_begins_in_ascii(self):
        self.assertEqual(decode(b'\x1b$B$"\r\nabc\n', "iso-2022-jp"), "あ\r\nabc\n")

    def test_half_a_character_is_marked(self):
        self.assertEqual(decode(b'\x1b$B$"$', "iso-2022-jp"), "あ\ufffd")
        self.assertEqual(decode(b"Ren\xe9", "utf-8"), "Ren\ufffd")

    def test_without_a_known_label_it_is_utf_8_or_windows_1252(self):
        for label in (None, "us-ascii", "x-unknown", "unknown-8bit", "\ud800", ""):
            with self.subTest(label=label):
                self.assertEqual(decode("é".encode(), label), "é")
                self.assertEqual(decode(b"\xe9\x80", label), "é€")

    def test_bytes_of_another_charset_are_guessed_when_that_is_wanted(self):
        self.assertEqual(decode(b"Ren\xe9", "utf-8", guess=True), "René")

    def test_a_byte_order_mark_outweighs_the_label(self):
        self.assertEqual(decode(b"\xef\xbb\xbf\xc3\xa9", "iso-8859-1"), "é")
        self.assertEqual(decode("é".encode("utf-16"), "utf-16"), "é")
        self.assertEqual(decode(b"\xfe\xff\x00\xe9", "utf-16"), "é")

    def test_codecs_of_python_that_are_not_charsets_are_not_used(self):
        for label in ("punycode", "idna", "unicode_escape", "undefined", "rot13", "base64", "mbcs"):
            with self.subTest(label=label):
                self.assertFalse(is_known(label))
                self.assertEqual(decode(b"a\\x41", label), "a\\x41")

    def test_every_label_has_a_codec(self):
        for label in (*LABELS, *FURTHER_LABELS, *map(str, CODE_PAGES)):
            with self.subTest(label=label):
                self.assertTrue(is_known(label))
                self.assertEqual(decode(b"", label), "")

    @tag("fuzz")
    @given(st.binary(max_size=300), st.sampled_from(sorted({*LABELS, *FURTHER_LABELS, "x"})))
    @settings(max_examples=1000, deadline=None)
    def test_whatever_bytes_come_the_text_can_be_stored(self, data, label):
        decode(data, label).encode()
