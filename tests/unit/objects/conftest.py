# SPDX-License-Identifier: Apache-2.0
"""Imports oslo.versionedobjects, whose own imports warn of their future."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oslo_versionedobjects.fixture  # noqa: F401
