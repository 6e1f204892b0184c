# SPDX-License-Identifier: Apache-2.0
"""What every test shares: the options, and how long hypothesis tries."""

import os

import hypothesis
import pytest

# No deadline anywhere: a busy machine is no bug.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile(
    "ci", max_examples=500, deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.register_profile(
    "deep", max_examples=20_000, deadline=None, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what only a person may ask for, never a job."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the files of tests/golden anew instead of comparing",
    )
