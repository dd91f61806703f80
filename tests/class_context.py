"""What Python 3.11 calls ``enterContext()`` and ``enterClassContext()``, for 3.10 as well."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TypeVar
from unittest import TestCase

T = TypeVar("T")


def enter_context(test: TestCase, manager: AbstractContextManager[T]) -> T:
    """Enter a block in ``setUp()`` or a test, which ends after the test."""
    value = manager.__enter__()
    test.addCleanup(manager.__exit__, None, None, None)
    return value


def enter_class_context(tests: type[TestCase], manager: AbstractContextManager[T]) -> T:
    """Enter a block in ``setUpClass()``, which ends after the last test of the class."""
    value = manager.__enter__()
    tests.addClassCleanup(manager.__exit__, None, None, None)
    return value
