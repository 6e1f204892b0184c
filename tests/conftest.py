# SPDX-License-Identifier: Apache-2.0
"""What every test shares: how long hypothesis tries each property."""

import os

import hypothesis

# No deadline anywhere: a busy machine is no bug.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile(
    "ci", max_examples=500, deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.register_profile(
    "deep", max_examples=20_000, deadline=None, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
