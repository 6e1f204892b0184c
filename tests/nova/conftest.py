# SPDX-License-Identifier: Apache-2.0
"""Without Nova itself there is nothing to compare with."""

import importlib.util
import warnings

collect_ignore_glob: list[str] = []

if importlib.util.find_spec("nova") is None:
    collect_ignore_glob.append("test_*.py")
else:
    with warnings.catch_warnings():
        # Nova's own imports warn, and our warnings are errors.
        warnings.simplefilter("ignore")
        import nova.conf.netconf
        import nova.conf.scheduler
        import nova.objects.pci_device_pool
        import nova.pci.request
        import nova.pci.whitelist  # noqa: F401
