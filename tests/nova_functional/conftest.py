# SPDX-License-Identifier: Apache-2.0
"""Nova's own control plane in this process, or no test of this folder."""

import importlib.util
import os
import warnings

collect_ignore_glob: list[str] = []

if not all(map(importlib.util.find_spec, ("nova", "placement"))):
    collect_ignore_glob.append("test_*.py")
else:
    # Native threads; read once, when Nova's tests are imported.
    os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "true")
    with warnings.catch_warnings():
        # Nova's own imports warn, and our warnings are errors.
        warnings.simplefilter("ignore")
        # First of all: it forbids eventlet, which others would import.
        import nova.tests.functional  # noqa: F401

        from tests.nova_functional import (  # noqa: F401
            eager_readers,
            scenarios,
            waiting_writers,
        )
    eager_readers.install()
    waiting_writers.install()
