# SPDX-License-Identifier: Apache-2.0
"""The captured hosts as the reader shows them, each read once."""

import functools
import pathlib
import tempfile

from pci_sched.inputs import sysfs
from pci_sched.model import host as pci_host
import recorded


@functools.cache
def read(name: str) -> pci_host.Host:
    with tempfile.TemporaryDirectory() as folder:
        root = recorded.unpack(name, pathlib.Path(folder))
        return sysfs.read_host(root, name=name)
