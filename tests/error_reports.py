"""What error reports show of an exception: the variables of every function that it passed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from unittest import skipUnless

from django.test import RequestFactory
from django.views.debug import ExceptionReporter

try:
    from sentry_sdk.serializer import serialize
    from sentry_sdk.utils import event_from_exception
except ImportError:  # not with the oldest dependencies
    serialize = None

#: sentry-sdk's defaults, but that nothing is too long for its reports.
SENTRY_OPTIONS = {
    "include_local_variables": True,
    "include_source_context": False,
    "max_value_length": 100_000,
    "in_app_include": [],
    "in_app_exclude": [],
    "project_root": None,
}


def raised_by(function: Callable[[], Any]) -> BaseException:
    """Call from a function whose own variables are harmless."""
    try:
        function()
    except Exception as err:
        return err
    raise AssertionError("nothing was raised")


class ErrorReportTests:
    """For test cases: none of their errors shows anything private."""

    private: ClassVar[tuple[str, ...]]
    assertIn: Callable[..., None]
    assertNotIn: Callable[..., None]
    subTest: Callable[..., Any]

    def errors(self) -> Mapping[str, BaseException]:
        """Errors from every place where something private is at hand."""
        raise NotImplementedError

    def check(self, report: str) -> None:
        for private in self.private:
            self.assertNotIn(private, report)

    @skipUnless(serialize, "sentry-sdk is not installed")
    def test_sentrys_own_serializer_finds_nothing(self) -> None:
        for name, error in self.errors().items():
            with self.subTest(name):
                exc_info = (type(error), error, error.__traceback__)
                event, _ = event_from_exception(exc_info, client_options=SENTRY_OPTIONS)
                report = json.dumps(serialize(event))
                self.assertIn('"vars"', report)
                self.check(report)

    def test_djangos_report_to_admins_has_nothing(self) -> None:
        request = RequestFactory().get("/")
        for name, error in self.errors().items():
            with self.subTest(name):
                reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
                self.check(reporter.get_traceback_html() + reporter.get_traceback_text())
