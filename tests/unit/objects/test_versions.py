# SPDX-License-Identifier: Apache-2.0
"""The versions of the objects that leave the process, pinned.

Whoever changes a field gives its object a new version, a rule for older
readers, and a new line here.
"""

from typing import Any

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fixture
import pytest

from pci_sched.objects import base, document, ledger

#: The version and the hash of the fields of every object.
PINNED = {
    "PciSchedClaim": "1.1-db8d37da0d81b8df74f55bdebda0a07e",
    "PciSchedDevice": "1.0-694e80c422b5fa6534504b6f1a6adc51",
    "PciSchedFaultDomains": "1.0-1f39cb2084228fc9a11d9825f090c1a2",
    "PciSchedHolding": "1.0-0857d4d7e5b34c142c4b8fc51a234eb1",
    "PciSchedHostInventory": "1.1-0b05f6bc9bac86dad391e7c7005ab38a",
    "PciSchedHostLedger": "1.1-2e7f9811895ccb88ed923010bc58fd68",
    "PciSchedNumaNode": "1.0-465cee9719157f5b3282437d32288a96",
    "PciSchedPool": "1.0-c1299ae8aafe3ebc8bff2587d78a7913",
}

_REGISTRY = ovo_base.VersionedObjectRegistry.obj_classes


def _ours() -> dict[str, list[type[ovo_base.VersionedObject]]]:
    return {
        name: classes
        for name, classes in _REGISTRY().items()
        if name.startswith(base.PREFIX)
    }


@pytest.fixture
def checker() -> fixture.ObjectVersionChecker:
    """Look at our objects only; other libraries share the registry."""
    return fixture.ObjectVersionChecker(_ours())


def test_the_fields_of_every_object_are_those_of_its_version(
    checker: fixture.ObjectVersionChecker,
) -> None:
    expected, actual = checker.test_hashes(PINNED)
    assert actual == expected


def test_every_object_can_be_written_for_every_version(
    checker: fixture.ObjectVersionChecker,
) -> None:
    checker.test_compatibility_routines(use_manifest=False)


def test_a_parent_says_which_version_of_a_child_goes_with_it() -> None:
    for name, classes in _ours().items():
        for field, rules in classes[0].obj_relationships.items():
            kind: Any = classes[0].fields[field]
            child = _ours()[kind.objname][0]
            assert rules[-1] == (classes[0].VERSION, child.VERSION), name


def test_the_newest_document_is_that_of_the_newest_object() -> None:
    assert document.VERSIONS[-1] == ledger.HostLedger.VERSION
