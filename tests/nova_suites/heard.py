# SPDX-License-Identifier: Apache-2.0
"""What a run has heard of our code: how often it was called, and its errors.

An error of ours never fails an operation of Nova's, so none would be seen.
"""

import collections
from collections.abc import Mapping
import functools
import logging
import os
from typing import Any, Final

from tests.nova_suites import selection

#: How often each of our parts was called in this process.
CALLS: Final[collections.Counter[str]] = collections.Counter()


class Errors(logging.Handler):
    """Keeps the errors of our loggers, each with the first test that had it.

    :ivar found: The test by the message.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "no test").split(" ")[0]
        self.found.setdefault(record.getMessage(), test)


class Heard:
    """What one process has heard, or all of them together."""

    def __init__(self) -> None:
        self.calls: collections.Counter[str] = collections.Counter()
        self.errors: dict[str, str] = {}

    def take(
        self, calls: Mapping[str, int], errors: Mapping[str, str]
    ) -> None:
        """Add what one process has heard."""
        self.calls.update(calls)
        self.errors = {**errors, **self.errors}

    def pack(self) -> dict[str, Any]:
        """Give it a form that goes from one process to another."""
        return {"calls": dict(self.calls), "errors": self.errors}

    def complaints(self) -> list[str]:
        """Say each error that nobody expects, and where it was first."""
        return [
            f"{message} (first in {test})"
            for message, test in sorted(self.errors.items())
            if not any(
                test.endswith(each.test) and message.startswith(each.error)
                for each in selection.noise()
            )
        ]

    def describe(self) -> str:
        """Say how often what was called."""
        counted = sorted(self.calls.items())
        said = ", ".join(f"{name} {number}" for name, number in counted)
        return f"calls of ours: {said or 'none'}"


def listen() -> Errors:
    """Begin to keep the errors of this process."""
    errors = Errors()
    logging.getLogger("pci_sched").addHandler(errors)
    return errors


def count(name: str, owner: type[Any], method: str) -> None:
    """Count from now on how often a method is called.

    :param name: Under which name it is counted.
    :param owner: Whose calls; those of its subclasses, too.
    """
    counted = getattr(owner, method)

    @functools.wraps(counted)
    def _count(*args: Any, **kwargs: Any) -> Any:
        CALLS[name] += 1
        return counted(*args, **kwargs)

    setattr(owner, method, _count)
