"""Address lists of mail."""

from __future__ import annotations

from django.test import SimpleTestCase, tag
from hypothesis import given, settings
from hypothesis import strategies as st

from anymail.addresses import EmailAddress
from anymail.addresses.parser import (
    ANGLE_BRACKETS,
    BAD_CHARACTER,
    CONTROL_CHARACTER,
    GROUP,
    NO_ADDRESS,
    NO_COMMA,
    NO_DOMAIN,
    NOT_CLOSED,
    NOTHING_AFTER,
    NOTHING_BEFORE,
    SEMICOLON,
    UNQUOTED_NAME,
    WHITE_SPACE,
    WORDS_AFTER,
    parse_mailboxes,
)

from ..clock import cpu_growth

#: What means something in an address list, so that hypothesis finds odd combinations.
PIECES = st.sampled_from(
    [*'"()<>@,;:.[]\\ \t\r\n=?_a\xe9\udce9\ud800\x00\u200d\xa0\u2028', "a@b", "=?gb2312?b?1tDO?="]
)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff")).map(
    str.strip
)


class ParserTestCase(SimpleTestCase):
    def assert_read(self, cases):
        for text, expected in cases.items():
            with self.subTest(text=ascii(text)):
                found, problems = parse_mailboxes(text)
                self.assertEqual((*map(tuple, found), *problems), expected)


class StandardTests(ParserTestCase):
    def test_the_examples_of_rfc_5322_are_read(self):
        """Appendix A, with its comments, groups, routes and white space."""
        self.assert_read(
            {
                "Joe Q. Public <john.q.public@example.com>": (
                    ("Joe Q. Public", "john.q.public@example.com"),
                ),
                '"Giant; \\"Big\\" Box" <sysservices@example.net>': (
                    ('Giant; "Big" Box', "sysservices@example.net"),
                ),
                "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>": (
                    ("Pete", "pete@silly.test"),
                ),
                "A Group(Some people):Chris Jones <c@(Chris's host.)public.example>,\r\n"
                " joe@example.org, John <jdoe@one.test> (my dear friend); (the end of it)": (
                    ("Chris Jones", "c@public.example"),
                    ("", "joe@example.org"),
                    ("John", "jdoe@one.test"),
                ),
                "(Empty list)(start)Undisclosed recipients  :(nobody(that I know))  ;": (),
                "Mary Smith <@node.test,@relay:mary@example.net>, , jdoe@test  . example": (
                    ("Mary Smith", "mary@example.net"),
                    ("", "jdoe@test.example"),
                ),
                "John Doe <jdoe@machine(comment).  example>": (
                    ("John Doe", "jdoe@machine.example"),
                ),
                '"a b"@example.com, ann@[192.0.2.1]': (
                    ("", '"a b"@example.com'),
                    ("", "ann@[192.0.2.1]"),
                ),
            }
        )

    def test_a_comment_is_the_name_where_there_is_no_other(self):
        self.assert_read(
            {
                "a@b.c (Mail Delivery System)": (("Mail Delivery System", "a@b.c"),),
                "a@b.c (=?utf-8?q?M=C3=BC?= =?utf-8?q?ller?=)": (("Müller", "a@b.c"),),
                "Ann <a@b.c> (work)": (("Ann", "a@b.c"),),
            }
        )

    def test_names_are_decoded_in_quotes_too_and_may_hold_commas(self):
        self.assert_read(
            {
                "=?utf-8?Q?Constanze_M=C3=BCl?= =?utf-8?Q?ler?= <a@b.c>": (
                    ("Constanze Müller", "a@b.c"),
                ),
                "=?utf-8?Q?K=C3=B6ln,_GmbH?= <a@b.c>": (("Köln, GmbH", "a@b.c"),),
                '"=?iso-8859-1?Q?Ren=E9?=" <a@b.c>': (("René", "a@b.c"),),
                "\udcc3\udca9 <\udcc3\udca9@b.c>": (("é", "é@b.c"),),
            }
        )


class ProblemTests(ParserTestCase):
    def test_the_angle_brackets_hold_the_address(self):
        self.assert_read(
            {
                "Ann [Support] <a@b.c>": (("Ann [Support]", "a@b.c"), UNQUOTED_NAME),
                "x@y.z <a@b.c>": (("x@y.z", "a@b.c"), UNQUOTED_NAME),
                "Ann <Ann <a@b.c>>": (("Ann", "a@b.c"), ANGLE_BRACKETS),
                "<a@b.c> Ann": (("Ann", "a@b.c"), WORDS_AFTER),
                "Ann <a@b.c": (("Ann", "a@b.c"), ANGLE_BRACKETS),
                "Ann <a@b.c, Bob <b@b.c>": (("Ann", "a@b.c"), ("Bob", "b@b.c"), ANGLE_BRACKETS),
                "<a@b.c> <d@b.c>": (("", "a@b.c"), ("", "d@b.c"), NO_COMMA),
                "<mailto:a@b.c>": (("", "a@b.c"), BAD_CHARACTER),
            }
        )

    def test_words_around_a_closing_bracket_alone_are_no_address(self):
        self.assert_read(
            {
                "x>a@b.c": (("", "a@b.c"), ANGLE_BRACKETS, NO_DOMAIN),
                "a@b.c>d": (("", "a@b.c"), ANGLE_BRACKETS, NO_DOMAIN),
                "Ann a@b.c>": (("Ann", "a@b.c"), ANGLE_BRACKETS, WHITE_SPACE),
            }
        )

    def test_a_word_without_an_address_is_left_out(self):
        self.assert_read(
            {
                "Ann (Sales); Example <a@b.c>": (("Example", "a@b.c"), NO_DOMAIN, SEMICOLON),
                "Last, First <a@b.c>": (("First", "a@b.c"), NO_DOMAIN),
                "a@b.c; d@b.c": (("", "a@b.c"), ("", "d@b.c"), SEMICOLON),
                "Ann: First <a@b.c>": (("First", "a@b.c"), GROUP),
            }
        )

    def test_no_address_is_made_of_several_words(self):
        self.assert_read(
            {
                "Ann Example ann@b.c": (("Ann Example", "ann@b.c"), WHITE_SPACE),
                "J. ann@b.c": (("J.", "ann@b.c"), WHITE_SPACE),
                "ann@exam ple.com": (WHITE_SPACE,),
                "<ann@exam ple.com>": (WHITE_SPACE,),
                "a@b.c d@b.c": (WHITE_SPACE,),
                '"Ann"ann@b.c': (BAD_CHARACTER,),
                "a@b.c\u00a0d": (BAD_CHARACTER,),
                "a@b@c": (BAD_CHARACTER,),
                "=?utf-8?q?x=40evil.example=3E?=@b.c": (BAD_CHARACTER,),
            }
        )

    def test_what_is_missing_is_named(self):
        self.assert_read(
            {
                "": (),
                "Ann": (NO_DOMAIN,),
                "ann@": (NOTHING_AFTER,),
                "@b.c": (NOTHING_BEFORE,),
                "Ann <>": (NO_ADDRESS,),
                '"Ann <a@b.c>': (("Ann", "a@b.c"), NOT_CLOSED),
                "Ann (x <a@b.c>": (("Ann (x", "a@b.c"), NOT_CLOSED),
            }
        )

    def test_control_characters_in_a_name_become_spaces(self):
        self.assert_read({"=?utf-8?q?a=0D=0Ab?= <a@b.c>": (("a b", "a@b.c"), CONTROL_CHARACTER)})


class AnyTextTests(SimpleTestCase):
    @given(st.lists(PIECES, max_size=30).map("".join))
    @settings(max_examples=500, deadline=None)
    def test_whatever_is_found_stands_in_the_list(self, text):
        found, _ = parse_mailboxes(text)
        for display_name, addr_spec in found:
            (display_name + addr_spec).encode()
            self.assertFalse(any(ord(c) < 32 or c == "\x7f" for c in display_name + addr_spec))
            local, at, domain = addr_spec.rpartition("@")
            self.assertTrue(local and at and domain)
            if text.isascii() and not set(text) & set(" \t\r\n("):
                self.assertIn(addr_spec, text)

    @given(NAMES, st.sampled_from(["utf-8", "iso-8859-1", "koi8-r"]))
    @settings(max_examples=300, deadline=None)
    def test_every_address_that_we_write_is_read_back(self, name, charset):
        address = EmailAddress(name, "ann@example.com")
        for text in (address.formataddr(), address.formataddr(charset)):
            self.assertEqual(parse_mailboxes(text), ([(name, "ann@example.com")], []))

    @tag("fuzz")
    @given(st.lists(PIECES, min_size=1, max_size=4).map("".join))
    @settings(max_examples=40, deadline=None)
    def test_time_grows_with_the_length_alone_whatever_is_repeated(self, unit):
        self.assertLess(cpu_growth(parse_mailboxes, unit, 4_000), 12)

    def test_time_grows_with_the_length_alone(self):
        for unit in ("(a", "<", '"', '"\\', "a@b, ", "x ", "[", "((a)", '=?a?q?\\?="', "<@", ". "):
            with self.subTest(unit=unit):
                self.assertLess(cpu_growth(parse_mailboxes, unit, 8_000), 10)
