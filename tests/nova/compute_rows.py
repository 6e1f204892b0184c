# SPDX-License-Identifier: Apache-2.0
"""Rows of Nova's table ``compute_nodes``."""

from collections.abc import Mapping
from typing import Any, Final

#: What a row cannot be without.
NEEDED: Final[Mapping[str, Any]] = {
    "vcpus": 1,
    "memory_mb": 1,
    "local_gb": 1,
    "vcpus_used": 0,
    "memory_mb_used": 0,
    "local_gb_used": 0,
    "hypervisor_type": "QEMU",
    "hypervisor_version": 1,
    "cpu_info": "",
}
