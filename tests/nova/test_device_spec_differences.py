# SPDX-License-Identifier: Apache-2.0
"""Each named difference to Nova: what Nova does, and what we say instead."""

import json
from typing import Any

from nova.objects import pci_device_pool
import pytest

from pci_sched import exception
from pci_sched.inputs import device_spec, device_spec_facts, device_spec_reader
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from tests.nova import device_spec_differences as differences
from tests.nova import nova_device_spec

_PF = pci_device.Device(
    address=pci_address.PciAddress(0, 0x82, 0, 0),
    dev_type=pci_device.DevType.PF,
    vendor_id="15b3",
    product_id="a2d6",
    sriov_totalvfs=8,
    vf_product_id="101e",
    netdevs=(pci_device.NetDev("p0"),),
    card_serial_number="MT2042X",
)
_VF = pci_device.Device(
    address=pci_address.PciAddress(0, 0x82, 0, 3),
    dev_type=pci_device.DevType.VF,
    vendor_id="15b3",
    product_id="101e",
    parent_addr=_PF.address,
    card_serial_number="MT2042X",
)
_HOST = pci_host.Host("compute1", (_PF, _VF))
_DEEP = "[" * 20_000


def _refusal(text: str) -> str:
    with pytest.raises(exception.SpecInvalid) as caught:
        device_spec.parse([text], _HOST)
    return str(caught.value)


@pytest.mark.parametrize(
    ("difference", "entry", "devices_of_nova", "ours"),
    [
        pytest.param(
            differences.Difference.NESTED_TAG,
            {"traits": ["blue"]},
            2,
            '"traits": ["blue"]: is nested',
            id="a list as a tag",
        ),
        pytest.param(
            differences.Difference.DEVNAME_IS_NO_TEXT,
            {"devname": 5},
            0,
            '"devname": 5: is no text',
            id="a number as devname",
        ),
        pytest.param(
            differences.Difference.DEVNAME_IS_NO_TEXT,
            {"devname": False},
            2,
            '"devname": false: is no text',
            id="false as devname, which is every device for Nova",
        ),
        pytest.param(
            differences.Difference.ADDRESS_IS_FALSE,
            {"address": []},
            2,
            '"address": []: is neither a text nor an object',
            id="an empty list as address, which is every device for Nova",
        ),
    ],
)
def test_nova_takes_what_we_refuse(
    difference: differences.Difference,
    entry: dict[str, Any],
    devices_of_nova: int,
    ours: str,
) -> None:
    text = json.dumps(entry)
    assert differences.explain(text) == {difference}
    assert difference in differences.ONLY_NOVA_TAKES
    with nova_device_spec.on_host(_HOST):
        specs = nova_device_spec.read([text]).specs
        found = [nova_device_spec.find(specs, each) for each in _HOST.devices]
    assert found.count(0) == devices_of_nova
    assert ours in _refusal(text)


def test_a_nested_tag_kills_nova_when_a_pool_becomes_an_object() -> None:
    pool = {"vendor_id": "15b3", "product_id": "101e", "count": 1}
    with pytest.raises(ValueError, match="A string is required"):
        pci_device_pool.PciDevicePool.from_dict(pool | {"tag": ["blue"]})


@pytest.mark.parametrize(
    ("difference", "text", "error_of_nova", "ours"),
    [
        pytest.param(
            differences.Difference.ID_IS_NO_TEXT,
            '{"vendor_id": 8086}',
            AttributeError,
            '"vendor_id": 8086: is no text',
            id="a number as vendor_id",
        ),
        pytest.param(
            differences.Difference.ID_IS_NO_TEXT,
            '{"product_id": null}',
            TypeError,
            '"product_id": null: is no text',
            id="null as product_id",
        ),
        pytest.param(
            differences.Difference.EXPRESSION_IS_NO_TEXT,
            '{"address": {"bus": 8}}',
            TypeError,
            '"address.bus": 8: is no text',
            id="a number as regular expression",
        ),
        pytest.param(
            differences.Difference.EXPRESSION_TOO_BIG,
            '{"address": {"bus": "0{99999999999999999999}"}}',
            OverflowError,
            "the repetition number is too large",
            id="a regular expression that repeats without end",
        ),
        pytest.param(
            differences.Difference.NESTED_TOO_DEEP,
            _DEEP,
            RecursionError,
            "is no JSON (nested too deep)",
            id="JSON that is nested too deep",
        ),
    ],
)
def test_nova_dies_of_what_we_explain(
    difference: differences.Difference,
    text: str,
    error_of_nova: type[Exception],
    ours: str,
) -> None:
    assert differences.explain(text) == {difference}
    assert difference in differences.NOVA_DIES
    with nova_device_spec.on_host(_HOST):
        nova_error = nova_device_spec.read([text]).error
    assert isinstance(nova_error, error_of_nova)
    assert ours in _refusal(text)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"address": "0000:82:00.0"}, id="an address"),
        pytest.param(
            {
                "address": {
                    "domain": "0000",
                    "bus": "82",
                    "slot": "00",
                    "function": "0",
                }
            },
            id="an object that names one address",
        ),
        pytest.param({"devname": "p0"}, id="a devname"),
    ],
)
def test_nova_dies_of_remote_managed_vfs_named_by_their_pf(
    place: dict[str, Any],
) -> None:
    """REMOTE_MANAGED_PF: we take what Nova meant to take."""
    entry = place | {"product_id": "101e", "remote_managed": "true"}
    text = json.dumps(entry)
    with nova_device_spec.on_host(_HOST, nova_device_spec.Repair.NOTHING):
        error = nova_device_spec.read([text]).error
    assert isinstance(error, nova_device_spec.NotFoundById)
    specs = device_spec.parse([text], _HOST)
    found = device_spec.select(_HOST, specs).devices
    assert [each.assignable for each in found] == [False, True]


def test_nova_empties_the_dict_it_is_given_and_we_do_not() -> None:
    entry = {"vendor_id": "15b3", "managed": "yes"}
    ours, nova_s = dict(entry), dict(entry)
    with nova_device_spec.on_host(_HOST):
        nova_device_spec.read_entry(nova_s)
    assert nova_s == {"managed": "true"}
    device_spec_reader.read(
        "here",
        ours,
        device_spec_facts.Facts.of(_HOST, report_in_placement=False),
    )
    assert ours == entry


def test_every_difference_has_its_test() -> None:
    shown = (
        differences.ONLY_NOVA_TAKES
        | differences.NOVA_DIES
        | {differences.Difference.REMOTE_MANAGED_PF}
    )
    assert shown == set(differences.Difference)
