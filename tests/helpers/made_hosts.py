# SPDX-License-Identifier: Apache-2.0
"""Hosts made by hand, and strategies that make up any number of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

PF_ID = {"vendor_id": "8086", "product_id": "10c9", "class_id": "020000"}
VF_ID = {"vendor_id": "8086", "product_id": "10ca", "class_id": "020000"}


def at(text: str) -> pci_address.PciAddress:
    return pci_address.PciAddress.parse(text)


def plain(address: str, **facts: Any) -> pci_device.Device:
    facts = {"class_id": "020000", **facts}
    return pci_device.Device(
        address=at(address), dev_type=pci_device.DevType.PCI, **facts
    )


def pf(address: str, **facts: Any) -> pci_device.Device:
    return pci_device.Device(
        address=at(address),
        dev_type=pci_device.DevType.PF,
        **{**PF_ID, **facts},
    )


def vf(
    address: str, parent: str, index: int | None, **facts: Any
) -> pci_device.Device:
    return pci_device.Device(
        address=at(address),
        **{
            **VF_ID,
            "dev_type": pci_device.DevType.VF,
            "parent_addr": at(parent),
            "vf_index": index,
            **facts,
        },
    )


def bridge(address: str, kind: str, *path: str) -> pci_host.Bridge:
    return pci_host.Bridge(at(address), pci_host.BridgeKind(kind), path=path)


def host(
    devices: Sequence[pci_device.Device],
    bridges: Sequence[pci_host.Bridge] = (),
    *,
    numa: Sequence[pci_host.NumaNode] = (),
    name: str = "compute-1",
) -> pci_host.Host:
    return pci_host.Host(
        name,
        tuple(sorted(devices, key=lambda device: device.address)),
        tuple(sorted(bridges, key=lambda bridge: bridge.address)),
        tuple(numa),
    )


NODES = st.none() | st.integers(0, 3)
TAG_VALUES = st.none() | st.booleans() | st.text(max_size=5) | st.just("a")
TAGS = st.dictionaries(
    st.sampled_from([pci_device.PHYSICAL_NETWORK, "trusted"]), TAG_VALUES
).map(lambda tags: tuple(sorted(tags.items())))
NETDEVS = st.none() | st.lists(
    st.builds(
        pci_device.NetDev,
        st.text(min_size=1, max_size=15),
        link=st.none() | st.sampled_from(pci_device.Link),
    ),
    max_size=2,
).map(tuple)

#: What may differ from device to device without being a contradiction.
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "driver": st.sampled_from([None, "", "igbvf", "vfio-pci"]),
    "status": st.none() | st.sampled_from(pci_device.DeviceStatus),
    "assignable": st.none() | st.booleans(),
    "instance_uuid": st.none() | st.just("3a3d6c40"),
    "tags": TAGS,
    "netdevs": NETDEVS,
}


@st.composite
def sane_hosts(draw: st.DrawFn) -> pci_host.Host:
    """Hosts as a kernel shows them: ports, switches, PFs with VFs."""
    devices: list[pci_device.Device] = []
    bridges: list[pci_host.Bridge] = []
    for number in range(draw(st.integers(1, 3))):
        root, bus = f"pci0000:{number}0", f"0000:{number}0"
        node = draw(NODES)
        if draw(st.booleans()):
            address = f"{bus}:1f.0"
            kind = draw(st.sampled_from(["060000", "020000"]))
            inner = plain(address, class_id=kind, path=(root,))
            devices.append(inner)
        for port in range(draw(st.integers(0, 3))):
            address = f"{bus}:0{port}.0"
            bridges.append(bridge(address, "root-port", root))
            path = [root, address]
            if draw(st.booleans()):
                for slot, kind in enumerate(("upstream", "downstream")):
                    address = f"0000:{number}{port + 1}:1{slot}.0"
                    bridges.append(bridge(address, f"switch-{kind}", *path))
                    path.append(address)
            facts = {"path": tuple(path), "numa_node": node}
            devices += draw(_card(f"0000:{number}{port + 5}", facts))
    return host(devices, bridges, name=draw(st.text(max_size=20)))


@st.composite
def _card(
    draw: st.DrawFn, bus: str, facts: dict[str, Any]
) -> list[pci_device.Device]:
    serial = draw(st.sampled_from([None, "", "SN1", "SN2"]))
    devices = []
    for function in range(draw(st.integers(1, 2))):
        parent = f"{bus}:00.{function}"
        own = draw(st.fixed_dictionaries(FACTS))
        count = draw(st.integers(0, 5))
        devices.append(
            pf(
                parent,
                sriov_numvfs=draw(st.none() | st.just(count)),
                sriov_totalvfs=draw(st.none() | st.just(7)),
                card_serial_number=serial,
                **own,
                **facts,
            )
        )
        for index in range(count):
            shown = draw(st.fixed_dictionaries(FACTS))
            known = None if draw(st.integers(0, 9)) == 0 else index
            child = f"{bus}:1{index}.{function}"
            devices.append(vf(child, parent, known, **shown, **facts))
    return devices


ADDRESSES = st.builds(
    pci_address.PciAddress,
    st.sampled_from([0, 0x10000]),
    st.integers(0, 2),
    st.just(0),
    st.integers(0, 3),
)
STEPS = (
    ADDRESSES.map(str)
    | st.sampled_from(["pci0000:00", "pci0000:40", "pci10000:00"])
    | st.text(min_size=1, max_size=5)
)
PATHS = st.lists(STEPS, max_size=4).map(tuple)


@st.composite
def wild_hosts(draw: st.DrawFn) -> pci_host.Host:
    """Hosts that contradict themselves: an answer, but never a crash."""
    places = draw(st.lists(ADDRESSES, unique=True, max_size=10))
    cut = draw(st.integers(0, len(places)))
    bridges = [
        pci_host.Bridge(
            place,
            draw(st.sampled_from(pci_host.BridgeKind)),
            path=draw(PATHS),
        )
        for place in places[:cut]
    ]
    device = st.fixed_dictionaries(
        {
            "dev_type": st.sampled_from(pci_device.DevType),
            "parent_addr": st.none() | ADDRESSES,
            "vf_index": st.none() | st.integers(0, 3),
            "numa_node": NODES,
            "path": st.none() | PATHS,
            "class_id": st.sampled_from([None, "", "020000", "060000"]),
            "card_serial_number": st.sampled_from([None, "", "SN1"]),
            **FACTS,
        }
    )
    devices = [
        pci_device.Device(address=place, **draw(device))
        for place in places[cut:]
    ]
    numbers = draw(st.lists(st.integers(0, 3), unique=True))
    numa = [
        pci_host.NumaNode(number, draw(st.none() | st.integers(0, 1)))
        for number in numbers
    ]
    return host(devices, bridges, numa=numa, name=draw(st.text(max_size=9)))


HOSTS = sane_hosts() | wild_hosts()
