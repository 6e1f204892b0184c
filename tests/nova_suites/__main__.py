# SPDX-License-Identifier: Apache-2.0
"""Run a set of Nova's own tests, as they are in Nova's wheel.

``python -m tests.nova_suites unit --device-choice=best -n 2``: the name of
the set, and then options of :mod:`tests.nova_suites.plugin` and of pytest.
"""

import argparse
import os
import sys

import pytest

from tests.nova_suites import selection


def main(arguments: list[str]) -> int:
    """Run pytest.

    :param arguments: Of the command line.
    :returns: What pytest returns.
    """
    parser = argparse.ArgumentParser(prog="tests.nova_suites", add_help=False)
    parser.add_argument("set", choices=selection.SETS)
    known, others = parser.parse_known_args(arguments)
    # Native threads, but where somebody says otherwise.
    os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "true")
    return pytest.main(
        [
            *("-p", "tests.nova_suites.plugin", f"--nova-set={known.set}"),
            # Names of tests begin where Nova is, and nothing is written there.
            *("-c", "pyproject.toml", f"--rootdir={selection.NOVA.parent}"),
            *("-p", "no:cacheprovider"),
            # Nova's own warnings are no errors.
            *("-W", "default", "--disable-warnings"),
            *others,
            *("--pyargs", *selection.modules(known.set)),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
