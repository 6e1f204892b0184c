# SPDX-License-Identifier: Apache-2.0
"""The hosts whose /sys was captured from real kernels."""

import json
import pathlib
import tarfile
from typing import Any

HOSTS = pathlib.Path(__file__).parents[1] / "hosts"

NAMES = ("many", "non-sriov", "seed-82576", "switch-nvme", "two-numa")


def unpack(name: str, to: pathlib.Path) -> pathlib.Path:
    """Unpack a captured tree; returns the root that holds its sys."""
    root = to / name
    with tarfile.open(HOSTS / f"{name}.tar.gz") as archive:
        archive.extractall(root, filter="tar")
    return root


def truth(name: str) -> dict[str, Any]:
    """What other tools said of the same kernel at the same time."""
    text = (HOSTS / f"{name}.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found
