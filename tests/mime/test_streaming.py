"""Content that is generated while it is read is the content that would have been built."""

from __future__ import annotations

import io
import os
from base64 import b64encode, encodebytes
from urllib.parse import quote_plus

from django.test import SimpleTestCase
from hypothesis import given, settings
from hypothesis import strategies as st

from anymail.mime.streaming import (
    CHUNK_BYTES,
    MAX_BYTES,
    Base64Body,
    StreamedFile,
    encode_base64,
    join,
    percent_encode,
)


class Base64BodyTests(SimpleTestCase):
    def test_lines_and_size_are_those_of_the_standard_library(self) -> None:
        for size in (*range(120), 5699, 5700, 5701, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1):
            content = os.urandom(size)
            lines = Base64Body(content)
            expected = encodebytes(content).rstrip(b"\n").replace(b"\n", b"\r\n")
            with self.subTest(size):
                self.assertEqual(b"".join(lines.chunks()), expected)
                self.assertEqual(lines.size, len(expected))


class StreamedFileTests(SimpleTestCase):
    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.binary(min_size=1, max_size=20), max_size=8),
        st.lists(
            st.tuples(st.sampled_from(["read", "set", "cur", "end", "all"]), st.integers(-9, 99)),
            max_size=12,
        ),
    )
    def test_it_reads_and_seeks_like_any_binary_file(
        self, chunks: list[bytes], steps: list[tuple[str, int]]
    ) -> None:
        content = b"".join(chunks)
        ours, real = StreamedFile(lambda: iter(chunks), len(content)), io.BytesIO(content)
        for step, number in steps:
            if step == "read":
                self.assertEqual(ours.read(abs(number)), real.read(abs(number)))
            elif step == "all":
                self.assertEqual(ours.read(), real.read())
            elif step == "set":
                self.assertEqual(ours.seek(abs(number)), real.seek(abs(number)))
            elif step == "cur":
                real.seek(max(0, real.tell() + number))
                self.assertEqual(ours.seek(number, io.SEEK_CUR), real.tell())
            else:
                real.seek(max(0, len(content) + number))
                self.assertEqual(ours.seek(number, io.SEEK_END), real.tell())
            self.assertEqual(ours.tell(), real.tell())

    def test_it_says_what_it_can_do(self) -> None:
        file = StreamedFile(lambda: iter([b"a"]), 1)
        self.assertTrue(file.seekable())
        self.assertTrue(file.readable())


class JoinTests(SimpleTestCase):
    def test_up_to_a_megabyte_it_is_bytes(self) -> None:
        self.assertEqual(join([b"a", Base64Body(b"b"), b"c"]), b"aYg==c")
        self.assertIsInstance(join([b"x" * MAX_BYTES]), bytes)

    def test_above_it_is_a_file_that_can_be_read_twice(self) -> None:
        content = os.urandom(MAX_BYTES)
        file = join([b"before", Base64Body(content), b"after"])
        assert isinstance(file, StreamedFile)
        expected = b"before" + b"".join(Base64Body(content).chunks()) + b"after"
        self.assertEqual(file.read(), expected)
        file.seek(0)
        self.assertEqual(file.read(), expected)
        self.assertEqual(file.size, len(expected))


class EncodingTests(SimpleTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.binary(max_size=50)))
    def test_base64_of_chunks_is_base64_of_the_whole(self, chunks: list[bytes]) -> None:
        self.assertEqual(b"".join(encode_base64(iter(chunks))), b64encode(b"".join(chunks)))

    def test_percent_encoding_is_that_of_forms(self) -> None:
        text = b64encode(bytes(range(256)) * 4)
        self.assertEqual(percent_encode(text), quote_plus(text).encode())
