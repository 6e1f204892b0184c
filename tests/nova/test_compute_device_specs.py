# SPDX-License-Identifier: Apache-2.0
"""What remembers device_spec says what Nova's own says."""

from collections.abc import Iterator
import contextlib
import copy
import json
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.pci import devspec as nova_devspec
from nova.pci import whitelist
import pytest

from pci_sched.model import host as pci_host
from pci_sched.nova.compute import device_specs
from tests.nova import device_spec_strategies as strategies
from tests.nova import nova_device_spec

objects.register_all()

_PF = "0000:41:00.0"
_VF = "0000:41:10.0"


def _row(**facts: Any) -> Any:
    described = {
        "address": _VF,
        "vendor_id": "8086",
        "product_id": "10ca",
        "dev_type": "type-VF",
        "parent_addr": _PF,
        "label": "label",
        "dev_id": "pci",
        "compute_node_id": 1,
        **facts,
    }
    context = nova_context.get_admin_context()
    return objects.PciDevice.create(context, described)


def _specs(*entries: dict[str, Any]) -> device_specs.DeviceSpecs:
    texts = list(map(json.dumps, entries))
    return device_specs.DeviceSpecs(whitelist.Whitelist(texts))


@contextlib.contextmanager
def _counted() -> Iterator[mock.Mock]:
    """Count how often Nova is asked about a device."""
    with mock.patch.object(
        nova_devspec.PciDeviceSpec,
        "match_pci_obj",
        autospec=True,
        side_effect=nova_devspec.PciDeviceSpec.match_pci_obj,
    ) as asked:
        yield asked


@st.composite
def _cases(draw: st.DrawFn) -> tuple[pci_host.Host, list[str]]:
    host = draw(strategies.hosts())
    values = st.lists(strategies.values(host), min_size=1, max_size=5)
    return host, draw(values)


def _ask(specs: Any, row: Any) -> Any:
    try:
        return specs.get_devspec(row)
    except nova_exception.PciConfigInvalidSpec:
        # An address that Nova does not read.
        return nova_exception.PciConfigInvalidSpec


@hypothesis.given(case=_cases())
def test_every_device_has_the_entry_that_nova_gives_it(
    case: tuple[pci_host.Host, list[str]],
) -> None:
    host, texts = case
    with nova_device_spec.on_host(host):
        taken = [
            text for text in texts if not nova_device_spec.read([text]).error
        ]
        given = whitelist.Whitelist(taken)
        ours = device_specs.DeviceSpecs(given)
        context = nova_context.get_admin_context()
        rows = [
            objects.PciDevice.create(context, nova_device_spec.describe(each))
            for each in host.devices
        ]
        for row in rows * 2:
            assert _ask(ours, row) is _ask(given, row)


def test_a_device_is_looked_for_once() -> None:
    specs = _specs({"address": _PF}, {"vendor_id": "8086"})
    with _counted() as asked:
        found = [specs.get_devspec(_row()) for _ in range(3)]
    assert found == [specs.specs[1]] * 3
    assert asked.call_count == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"vendor_id": "15b3"}),
        ({}, {"product_id": "101e"}),
        ({}, {"address": "0000:42:10.0"}),
        ({"address": "0000:42:10.0", "parent_addr": _PF}, {}),
    ],
)
def test_a_device_that_is_different_is_looked_for_again(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    specs = _specs(
        {"vendor_id": "8086", "product_id": "10ca", "address": "*:41:*.*"}
    )
    row = _row(**before)
    for _ in range(2):
        given = whitelist.Whitelist.get_devspec(specs, row)
        assert specs.get_devspec(row) is given
        for name, value in after.items():
            setattr(row, name, value)


def test_the_number_of_a_card_counts() -> None:
    specs = _specs({"vendor_id": "8086"})
    (spec,) = specs.specs
    with mock.patch.object(spec, "_remote_managed", new=True):
        row = _row()
        assert specs.get_devspec(row) is None
        capabilities = {"vpd": {"card_serial_number": "MT2113X00000"}}
        row.extra_info = {"capabilities": json.dumps(capabilities)}
        assert specs.get_devspec(row) is spec
        row.extra_info = {}
        assert specs.get_devspec(row) is None


def test_a_name_may_be_of_another_device_later() -> None:
    with mock.patch.object(
        nova_devspec.utils, "get_function_by_ifname"
    ) as named:
        named.return_value = (_VF, False)
        specs = _specs({"devname": "eth1"})
        assert specs.get_devspec(_row()) is specs.specs[0]
        named.return_value = ("0000:42:10.0", False)
        assert specs.get_devspec(_row()) is None


def test_an_entry_that_reads_more_of_a_device_gets_the_device() -> None:
    specs = _specs({"vendor_id": "8086"})
    with mock.patch.object(
        nova_devspec.PciDeviceSpec,
        "match_pci_obj",
        autospec=True,
        side_effect=lambda _spec, device: device.numa_node == 1,
    ):
        assert specs.get_devspec(_row(numa_node=0)) is None
        assert specs.get_devspec(_row(numa_node=1)) is specs.specs[0]


def test_a_copy_says_the_same() -> None:
    """Nova copies a count as a whole, to see what requests would do to it."""
    specs = copy.deepcopy(_specs({"vendor_id": "8086"}))
    found = specs.get_devspec(_row())
    assert found.dev_spec_conf == {"vendor_id": "8086"}
