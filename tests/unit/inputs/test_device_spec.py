# SPDX-License-Identifier: Apache-2.0
"""Which devices an entry of ``[pci]device_spec`` selects, and how it tags."""

import dataclasses
import json
from typing import Any

import pytest

from pci_sched import exception
from pci_sched.inputs import device_spec, device_spec_tags
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host


def _device(
    address: str,
    dev_type: pci_device.DevType = pci_device.DevType.PCI,
    **facts: Any,
) -> pci_device.Device:
    ids = {"vendor_id": "8086", "product_id": "0443"}
    return pci_device.Device(
        address=pci_address.PciAddress.parse(address),
        dev_type=dev_type,
        **(ids | facts),
    )


_PF = _device(
    "0000:81:00.0",
    pci_device.DevType.PF,
    product_id="1572",
    sriov_totalvfs=64,
    vf_product_id="154c",
    netdevs=(pci_device.NetDev("ens1"), pci_device.NetDev("ens1_0")),
    card_serial_number="SN1",
)
_VF = _device(
    "0000:81:02.0",
    pci_device.DevType.VF,
    product_id="154c",
    parent_addr=_PF.address,
    netdevs=(pci_device.NetDev("ens1v0"),),
    card_serial_number="SN1",
)
_VF_OF_MANY = _device(
    "0000:81:0a.1",
    pci_device.DevType.VF,
    product_id="154c",
    parent_addr=_PF.address,
    card_serial_number="SN1",
)
_PLAIN = _device("0000:08:00.1", netdevs=(pci_device.NetDev("eth0"),))
_FAR = _device("10000:81:00.1", netdevs=(pci_device.NetDev("far0"),))
_HOST = pci_host.Host("compute1", (_PLAIN, _PF, _VF, _VF_OF_MANY, _FAR))

_PLAIN_ONLY = ["0000:08:00.1"]
_PF_AND_VFS = ["0000:81:00.0", "0000:81:02.0", "0000:81:0a.1"]
_VFS = ["0000:81:02.0", "0000:81:0a.1"]
_ALL = [*_PLAIN_ONLY, *_PF_AND_VFS]
_PF_ALONE = ["0000:81:00.0"]


def _parse_one(entry: dict[str, Any]) -> device_spec.DeviceSpec:
    (spec,) = device_spec.parse([json.dumps(entry)], _HOST)
    return spec


def _selected(*entries: dict[str, Any]) -> list[str]:
    specs = device_spec.parse([json.dumps(list(entries))], _HOST)
    chosen = device_spec.select(_HOST, specs)
    return [str(each.address) for each in chosen.devices if each.assignable]


def _place(domain: str, bus: str, slot: str, function: str) -> dict[str, str]:
    return {
        "domain": domain,
        "bus": bus,
        "slot": slot,
        "function": function,
    }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({}, _ALL, id="nothing at all is every device"),
        pytest.param({"vendor_id": "*"}, _ALL, id="a star is any vendor"),
        pytest.param({"vendor_id": " * "}, _ALL, id="blanks round it too"),
        pytest.param({"vendor_id": "10de"}, [], id="another vendor"),
        pytest.param({"product_id": "154C"}, _VFS, id="upper case is read"),
        pytest.param({"product_id": "0x154c"}, _VFS, id="0x is read"),
        pytest.param({"product_id": " 154c "}, _VFS, id="blanks are read"),
        pytest.param({"product_id": "15_4c"}, _VFS, id="1_000 is read"),
        pytest.param({"product_id": "443"}, _PLAIN_ONLY, id="443 is 0443"),
        pytest.param({"product_id": "-443"}, [], id="below zero is none"),
        pytest.param({"address": None}, _ALL, id="null is no address"),
        pytest.param({"address": ""}, _ALL, id="an empty text is none"),
        pytest.param({"address": {}}, _ALL, id="an empty object is none"),
        pytest.param({"address": "*:*:*.*"}, _ALL, id="stars are anything"),
        pytest.param({"address": "."}, _ALL, id="a dot is anything"),
        pytest.param(
            {"address": ":00."}, [*_PLAIN_ONLY, *_PF_ALONE], id="a slot only"
        ),
        pytest.param({"address": "08:00.1"}, _PLAIN_ONLY, id="no domain"),
        pytest.param(
            {"address": ".1"},
            ["0000:08:00.1", "0000:81:0a.1"],
            id="a function only",
        ),
        pytest.param({"address": "0:8:0.1"}, _PLAIN_ONLY, id="zeros left out"),
        pytest.param(
            {"address": " 0 : 0x8 : 0 . 1 "}, _PLAIN_ONLY, id="odd writing"
        ),
        pytest.param(
            {"address": {"bus": "8"}}, _PF_AND_VFS, id="8 is how 81 begins"
        ),
        pytest.param({"address": {"bus": "8$"}}, [], id="unless it must end"),
        pytest.param(
            {"address": {"slot": "0[2a]"}}, _VFS, id="a regular expression"
        ),
        pytest.param(
            {"address": {"slot": "0A"}}, [], id="which is not normalised"
        ),
        pytest.param(
            {"address": {"func": "9"}}, _ALL, id="a key Nova passes over"
        ),
        pytest.param(
            {"address": "0000:81:00.0"},
            _PF_AND_VFS,
            id="a PF's address covers its VFs",
        ),
        pytest.param(
            {"address": "*:81:00.0"}, _PF_ALONE, id="not with a star in it"
        ),
        pytest.param(
            {"address": _place("0000", "81", "00", "0")},
            _PF_AND_VFS,
            id="an object of four numbers covers VFs",
        ),
        pytest.param(
            {"address": _place("0000", "8", "00", "0")},
            _PF_ALONE,
            id="not if they are only how the address begins",
        ),
        pytest.param(
            {"address": _place("", "", "", "")},
            _ALL,
            id="four empty expressions match anything",
        ),
        pytest.param(
            {"address": "0000:81:00.0", "product_id": "154c"},
            _VFS,
            id="the product is that of the VF itself",
        ),
        pytest.param({"devname": "ens1"}, _PF_AND_VFS, id="a PF's devname"),
        pytest.param(
            {"devname": "ens1_0"}, _PF_AND_VFS, id="a representor's devname"
        ),
        pytest.param(
            {"devname": "ens1v0"}, ["0000:81:02.0"], id="a VF's devname"
        ),
        pytest.param({"devname": "eth0"}, _PLAIN_ONLY, id="a card's devname"),
        pytest.param({"devname": "eth7"}, [], id="no such devname"),
        pytest.param({"devname": ""}, _ALL, id="an empty devname is none"),
        pytest.param(
            {"devname": None, "address": ".1", "vendor_id": "8086"},
            ["0000:08:00.1", "0000:81:0a.1"],
            id="null as devname is none",
        ),
    ],
)
def test_an_entry_selects(entry: dict[str, Any], expected: list[str]) -> None:
    assert _selected(entry) == expected


def test_a_device_beyond_domain_ffff_is_never_selected() -> None:
    spec = _parse_one({"address": {"domain": "10000"}})
    assert not spec.matches(_FAR)
    assert device_spec.select(_HOST, [spec]).devices[-1].assignable is False


def test_without_totalvfs_the_type_tells_a_pf() -> None:
    pf = dataclasses.replace(_PF, sriov_totalvfs=None)
    host = pci_host.Host("compute1", (_PLAIN, pf, _VF))
    texts = ['{"address": "0000:81:00.0"}', '{"address": "0000:08:00.1"}']
    covering, plain = device_spec.parse(texts, host)
    assert covering.covers_vfs
    assert not plain.covers_vfs


def test_a_pf_that_can_have_no_vfs_covers_none() -> None:
    pf = dataclasses.replace(_PF, sriov_totalvfs=0)
    host = pci_host.Host("compute1", (pf, _VF))
    (spec,) = device_spec.parse(['{"address": "0000:81:00.0"}'], host)
    assert not spec.matches(_VF)


def test_of_two_functions_with_one_netdev_name_the_first_counts() -> None:
    twin = _device("0000:09:00.0", netdevs=_PLAIN.netdevs)
    host = pci_host.Host("compute1", (_PLAIN, twin))
    (spec,) = device_spec.parse(['{"devname": "eth0"}'], host)
    assert [spec.matches(each) for each in host.devices] == [True, False]


def test_the_first_match_wins_and_tags() -> None:
    texts = [
        '{"product_id": "154c", "physical_network": "net1"}',
        '[{"vendor_id": "8086", "physical_network": null, "trusted": "true"}]',
    ]
    specs = device_spec.parse(texts, _HOST)
    tags = {
        str(each.address): each.tags
        for each in device_spec.select(_HOST, specs).devices
    }
    second = (("physical_network", None), ("trusted", "true"))
    assert tags == {
        "0000:08:00.1": second,
        "0000:81:00.0": second,
        "0000:81:02.0": (("physical_network", "net1"),),
        "0000:81:0a.1": (("physical_network", "net1"),),
        "10000:81:00.1": (),
    }
    assert device_spec.find(_VF, specs) is specs[0]


def test_without_entries_no_device_is_assignable() -> None:
    assert device_spec.parse([], _HOST) == ()
    chosen = device_spec.select(_HOST, ())
    assert {each.assignable for each in chosen.devices} == {False}


def test_an_entry_knows_where_it_stands_and_what_it_says() -> None:
    texts = ['{"vendor_id": "8086"}', '[{}, {"devname":"ens1"}]']
    specs = device_spec.parse(texts, _HOST)
    assert [each.position for each in specs] == [
        "[pci]device_spec[0]",
        "[pci]device_spec[1][0]",
        "[pci]device_spec[1][1]",
    ]
    assert specs[2].text == '{"devname": "ens1"}'
    assert specs[2].devname == "ens1"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        pytest.param({"managed": "Yes"}, "true", id="a word for yes"),
        pytest.param({"managed": " 0 "}, "false", id="a word for no"),
        pytest.param({"live_migratable": True}, "true", id="a boolean"),
        pytest.param({"one_time_use": 0}, "false", id="a number"),
        pytest.param({"managed": None}, None, id="null stays"),
        pytest.param({"trusted": "Yes"}, "Yes", id="other tags stay"),
        pytest.param({"remote_managed": "ON"}, "ON", id="remote_managed too"),
        pytest.param({"mine": 1.5}, 1.5, id="a tag of the operator's own"),
    ],
)
def test_a_tag_becomes(
    tags: dict[str, Any], expected: pci_device.TagValue
) -> None:
    (key,) = tags
    assert _parse_one(tags).tags == ((key, expected),)


def test_one_time_use_is_taken_with_placement() -> None:
    (spec,) = device_spec.parse(
        ['{"one_time_use": "yes"}'], _HOST, report_in_placement=True
    )
    assert spec.tags == (("one_time_use", "true"),)


def test_known_tags_are_those_nova_documents() -> None:
    assert {
        "live_migratable",
        "managed",
        "one_time_use",
        "physical_network",
        "remote_managed",
        "resource_class",
        "traits",
        "trusted",
    } == device_spec_tags.KNOWN


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        pytest.param("SN1", device_spec.Verdict.MATCH, id="a serial number"),
        pytest.param("", device_spec.Verdict.NO_SERIAL, id="none"),
        pytest.param(None, device_spec.Verdict.SERIAL_UNKNOWN, id="unread"),
    ],
)
def test_a_remote_managed_device_needs(
    serial: str | None, expected: device_spec.Verdict
) -> None:
    spec = _parse_one({"product_id": "154c", "remote_managed": "yes"})
    vf = dataclasses.replace(_VF, card_serial_number=serial)
    assert spec.verdict(vf) is expected
    assert spec.matches(vf) is (expected is device_spec.Verdict.MATCH)
    assert spec.verdict(_PLAIN) is device_spec.Verdict.OTHER


def test_without_a_serial_number_the_next_entry_counts() -> None:
    texts = ['{"remote_managed": "true"}', '{"trusted": "true"}']
    specs = device_spec.parse(texts, _HOST)
    assert device_spec.find(_PLAIN, specs) is specs[1]
    assert device_spec.find(_VF, specs) is specs[0]


@pytest.mark.parametrize(
    "vendor", [{}, {"vendor_id": "8086"}, {"vendor_id": "*"}]
)
def test_a_pf_may_name_its_remote_managed_vfs_by_their_product(
    vendor: dict[str, str],
) -> None:
    entry = {"address": "0000:81:00.0", "remote_managed": "true"}
    assert _selected(entry | vendor | {"product_id": "154c"}) == _VFS


def test_every_mistake_is_found_and_the_rest_is_read() -> None:
    texts = ['{"vendor_id": "z"}', "[{}, 5]", "{"]
    results = device_spec.parse_each(texts, _HOST)
    places = [
        (type(each) is exception.SpecInvalid, each.position)
        for each in results
    ]
    assert places == [
        (True, "[pci]device_spec[0]"),
        (False, "[pci]device_spec[1][0]"),
        (True, "[pci]device_spec[1][1]"),
        (True, "[pci]device_spec[2]"),
    ]
    with pytest.raises(exception.SpecInvalid, match=r"device_spec\[0\]"):
        device_spec.parse(texts, _HOST)
