# SPDX-License-Identifier: Apache-2.0
"""PCI passthrough for OpenStack Nova: which devices, for whom, and why.

The names below are the public interface; all else is private by convention.
A name's module is imported when the name is first used, so that ``import
pci_sched`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pci_sched.claims.claim import HostKey
    from pci_sched.claims.tracker import ClaimTracker
    from pci_sched.db.ledger import open_store as open_ledger
    from pci_sched.exception import PciSchedException
    from pci_sched.inputs.document_reader import load as load_host
    from pci_sched.inputs.hosts import read_host
    from pci_sched.inputs.request_document import load as load_request
    from pci_sched.matching.host_match import match
    from pci_sched.matching.plan import Plan
    from pci_sched.matching.refusal import Refusal
    from pci_sched.model.host import Host
    from pci_sched.model.request import InstanceRequest
    from pci_sched.pools.ledger import Ledger

#: The version of this library; setup.cfg reads it from here.
__version__ = "0.1.0"

__all__ = [
    "ClaimTracker",
    "Host",
    "HostKey",
    "InstanceRequest",
    "Ledger",
    "PciSchedException",
    "Plan",
    "Refusal",
    "load_host",
    "load_request",
    "match",
    "open_ledger",
    "read_host",
]

_HOMES = {
    "ClaimTracker": ("pci_sched.claims.tracker", "ClaimTracker"),
    "Host": ("pci_sched.model.host", "Host"),
    "HostKey": ("pci_sched.claims.claim", "HostKey"),
    "InstanceRequest": ("pci_sched.model.request", "InstanceRequest"),
    "Ledger": ("pci_sched.pools.ledger", "Ledger"),
    "PciSchedException": ("pci_sched.exception", "PciSchedException"),
    "Plan": ("pci_sched.matching.plan", "Plan"),
    "Refusal": ("pci_sched.matching.refusal", "Refusal"),
    "load_host": ("pci_sched.inputs.document_reader", "load"),
    "load_request": ("pci_sched.inputs.request_document", "load"),
    "match": ("pci_sched.matching.host_match", "match"),
    "open_ledger": ("pci_sched.db.ledger", "open_store"),
    "read_host": ("pci_sched.inputs.hosts", "read_host"),
}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
