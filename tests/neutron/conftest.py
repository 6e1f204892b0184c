# SPDX-License-Identifier: Apache-2.0
"""Without Neutron itself there is nothing to compare with."""

import importlib.util
import warnings

collect_ignore_glob: list[str] = []

if importlib.util.find_spec("neutron") is None:
    collect_ignore_glob.append("test_*.py")
else:
    with warnings.catch_warnings():
        # Neutron's own imports warn, and our warnings are errors.
        warnings.simplefilter("ignore")
        from tests.neutron import real_neutron  # noqa: F401
