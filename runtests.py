#!/usr/bin/env python
"""Run the tests: ``python runtests.py [labels] [--tag TAG] [--parallel [N]] ...``

Arguments are those of ``manage.py test``.
"""

import os
import sys
import warnings


def main(arguments: list[str]) -> None:
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, os.getcwd())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

    from django.core.management import execute_from_command_line
    from django.utils import deprecation

    for name in ("RemovedInNextVersionWarning", "RemovedAfterNextVersionWarning"):
        warnings.simplefilter("error", getattr(deprecation, name))

    labels = [argument for argument in arguments if argument.partition(".")[0] == "tests"]
    execute_from_command_line(["runtests.py", "test", *arguments, *([] if labels else ["tests"])])


if __name__ == "__main__":
    main(sys.argv[1:])
