# SPDX-License-Identifier: Apache-2.0
"""What a host has left to give."""

import pytest

import made_hosts
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import domains as pool_domains
from pci_sched.pools import host_supply, link_mark
from pci_sched.pools import ledger as pool_ledger
from pci_sched.pools import profile as pool_profile
from pci_sched.pools import supply as pool_supply

_Status = pci_device.DeviceStatus

_PF = "0000:01:00.0"
_VF = "0000:01:10.{}"


def _card(pf: _Status | None, *vfs: _Status | None) -> list[pci_device.Device]:
    return [
        made_hosts.pf(_PF, status=pf),
        *(
            made_hosts.vf(_VF.format(number), _PF, number, status=status)
            for number, status in enumerate(vfs)
        ),
    ]


def _free(
    devices: list[pci_device.Device], *, unknown_is_free: bool = True
) -> list[str]:
    supply = pool_supply.Supply.of_ledger(
        pool_ledger.Ledger.of(devices), unknown_is_free=unknown_is_free
    )
    return [
        str(address)
        for pool in supply.pools
        for address in pool.addresses or ()
    ]


_FREE = _Status.AVAILABLE


def test_a_pf_and_its_children_are_related() -> None:
    """Both are free, and the supply knows whose children they are."""
    supply = pool_supply.Supply.of_ledger(
        pool_ledger.Ledger.of(_card(_FREE, _FREE, _FREE))
    )
    assert [pool.free for pool in supply.pools] == [1, 2]
    assert [pool.profile.is_pf for pool in supply.pools] == [True, False]
    assert [pool.profile.is_part for pool in supply.pools] == [False, True]
    assert supply.shared == {_PF: ((0,), (1,))}


@pytest.mark.parametrize(
    "held", [_Status.CLAIMED, _Status.ALLOCATED, _Status.QUARANTINED]
)
def test_a_held_child_holds_its_pf(held: _Status) -> None:
    """Even if the PF's own status forgot to say so."""
    assert _free(_card(_FREE, held, _FREE)) == [_VF.format(1)]
    assert _free(_card(None, held, None)) == [_VF.format(1)]


@pytest.mark.parametrize(
    "held", [_Status.CLAIMED, _Status.ALLOCATED, _Status.QUARANTINED]
)
def test_a_held_pf_holds_its_children(held: _Status) -> None:
    """Even if their own status forgot to say so."""
    assert _free(_card(held, _FREE, _FREE)) == []


@pytest.mark.parametrize("gone", [_Status.REMOVED, _Status.DELETED])
def test_what_is_gone_holds_nothing(gone: _Status) -> None:
    """A removed child does not keep its PF from being given away."""
    assert _free(_card(_FREE, gone)) == [_PF]


def test_a_held_child_that_is_in_no_pool_still_holds_its_pf() -> None:
    """As after its device_spec was taken away."""
    devices = _card(_FREE, _Status.ALLOCATED)
    ledger = pool_ledger.Ledger.of(
        devices, lambda device: device.dev_type is pci_device.DevType.PF
    )
    assert pool_supply.Supply.of_ledger(ledger).pools == ()


def test_unknown_is_free_unless_told_otherwise() -> None:
    """On a live tree nobody knows; a tracker must."""
    devices = _card(None, None)
    assert len(_free(devices)) == 2
    assert _free(devices, unknown_is_free=False) == []


_RECORD = {
    "vendor_id": "8086",
    "product_id": "154c",
    "numa_node": 1,
    "dev_type": "type-VF",
    "address": _PF,
    "physical_network": "net1",
    "count": 3,
}


def test_a_record_is_a_pool() -> None:
    """What says where it is, is apart from what a request asks for."""
    record = {**_RECORD, "rp_uuid": "rp"}
    (pool,) = pool_supply.Supply.of_records([record]).pools
    assert pool.free == 3
    assert pool.numa_node == 1
    assert pool.provider == "rp"
    assert pool.root == _PF
    assert pool.addresses is None
    assert set(pool.profile.values) == {
        "vendor_id",
        "product_id",
        "dev_type",
        "physical_network",
    }
    assert pool.domains == pool_domains.FaultDomains(_PF, "0000:01:00")


def test_a_record_without_devices_is_none() -> None:
    """Nova removes such pools; a supply never has them."""
    record = {**_RECORD, "count": 0}
    assert pool_supply.Supply.of_records([record]).pools == ()


def test_a_record_without_an_address_is_related_to_nothing() -> None:
    """Nobody knows whose child it is."""
    record = {key: value for key, value in _RECORD.items() if key != "address"}
    supply = pool_supply.Supply.of_records(
        [record, {**record, "dev_type": "type-PF"}]
    )
    assert supply.shared == {}
    assert {pool.domains for pool in supply.pools} == {
        pool_domains.FaultDomains()
    }


def test_devices_and_records_make_the_same_profile() -> None:
    """A device says false where no tag says whether it is remote-managed."""
    device = made_hosts.vf(
        _VF.format(0), _PF, 0, tags=(("physical_network", "net1"),)
    )
    supply = pool_supply.Supply.of_ledger(pool_ledger.Ledger.of([device]))
    record = {
        **_RECORD,
        "product_id": device.product_id,
        "remote_managed": "false",
    }
    records = pool_supply.Supply.of_records([record])
    assert supply.pools[0].profile is records.pools[0].profile


def test_the_provider_of_a_device_is_a_tag() -> None:
    """It is no tag that a request could ask for."""
    device = made_hosts.plain(_PF, tags=(("rp_uuid", "rp"),))
    supply = pool_supply.Supply.of_ledger(pool_ledger.Ledger.of([device]))
    assert supply.pools[0].provider == "rp"
    assert "rp_uuid" not in supply.pools[0].profile.values
    assert "remote_managed" not in supply.pools[0].profile.values


def test_the_order_of_what_is_read_does_not_matter() -> None:
    """Pools have an order of their own."""
    other = {**_RECORD, "address": "0000:00:00.0"}
    nodes = [pci_host.NumaNode(1), pci_host.NumaNode(0)]
    one = pool_supply.Supply.of_records([_RECORD, other], nodes)
    two = pool_supply.Supply.of_records([other, _RECORD], nodes[::-1])
    assert one == two


def test_a_host_gives_its_fault_domains() -> None:
    """The names of the topology, for PFs and plain devices."""
    path = ("pci0000:00", "0000:00:01.0")
    host = made_hosts.host(
        [
            made_hosts.pf(_PF, path=path, card_serial_number="s1"),
            made_hosts.vf(_VF.format(0), _PF, 0, path=path),
        ],
        [made_hosts.bridge("0000:00:01.0", "root-port", "pci0000:00")],
    )
    supply = host_supply.of_host(host)
    expected = pool_domains.FaultDomains(
        _PF, "8086 s1", "0000:00:01.0", "0000:00:01.0"
    )
    assert {pool.domains for pool in supply.pools} == {expected}
    assert host_supply.of_host(host, unknown_is_free=False).pools == ()


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("true", True),
        (" YES ", True),
        ("1", True),
        (1, True),
        (True, True),
        (1.0, False),
        ("false", False),
        (None, False),
        ("managed", False),
    ],
)
def test_yes_as_nova_reads_it(
    value: pci_device.TagValue, *, answer: bool
) -> None:
    """``oslo_utils.strutils.bool_from_string``, which never complains."""
    profile = pool_profile.Profile.of([("remote_managed", value)])
    assert profile.remote_managed is answer


def test_profiles_of_equal_numbers_are_not_mixed_up() -> None:
    """1, 1.0 and true are equal for Python, and different words."""
    names = {
        pool_profile.Profile.of([("a", value)]).name
        for value in (1, True, 1.0, "1")
    }
    assert len(names) == 4


def test_extras_are_tags_that_do_not_say_no() -> None:
    """Ids, and what all devices may bear, make none rarer."""
    profile = pool_profile.Profile.of(
        [
            ("vendor_id", "8086"),
            ("managed", "true"),
            ("resource_class", "CUSTOM_A"),
            ("remote_managed", "false"),
            ("physical_network", None),
            ("trusted", "true"),
            ("speed", 100),
        ]
    )
    assert profile.extras == {"trusted", "speed"}


def _marked(mark: str | None) -> pool_profile.Profile:
    tags = {"dev_type": "type-VF", "trusted": "true"}
    marks = {link_mark.TAG: mark} if mark else {}
    return pool_profile.Profile.of((tags | marks).items())


def test_a_mark_of_the_link_makes_no_device_rarer() -> None:
    """It is no tag of the operator."""
    marked = _marked("avoid:down")
    assert marked.extras == _marked(None).extras == {"trusted"}
    assert marked.link == link_mark.LinkMark(is_excluded=False, state="down")
    assert _marked(None).link is None


def test_only_excluded_devices_are_withheld() -> None:
    marks = ("exclude:down", "avoid:down", "later:down", None)
    withheld = [_marked(mark).is_withheld for mark in marks]
    assert withheld == [True, False, False, False]


def test_a_profile_without_its_mark_is_that_of_a_good_link() -> None:
    assert _marked("exclude:down").without_mark is _marked(None)


def test_only_what_is_withheld_comes_back_if_links_were_good() -> None:
    """And nothing is said of a host that withholds nothing."""
    record = {"dev_type": "type-VF", "count": 1, "trusted": "true"}
    records = [
        {**record, "address": "0000:01:00.0", link_mark.TAG: "exclude:down"},
        {**record, "address": "0000:02:00.0", link_mark.TAG: "avoid:down"},
    ]
    supply = pool_supply.Supply.of_records(records)
    others = supply.as_if_links_were_good()
    assert others is not None
    assert [(pool.root, pool.profile.link) for pool in others.pools] == [
        ("0000:01:00.0", None),
        ("0000:02:00.0", supply.pools[1].profile.link),
    ]
    avoided = pool_supply.Supply.of_records(records[1:])
    assert avoided.as_if_links_were_good() is None
