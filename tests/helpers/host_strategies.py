# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for hosts of the model."""

from hypothesis import strategies as st

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: What the sysfs reader makes of any bytes: characters that print.
TEXTS = st.text(
    st.characters(
        exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
    ),
    min_size=1,
    max_size=12,
)

IDS = st.sampled_from(["8086", "15b3", "10c9", "10ca", "10de"])

NUMBERS = st.integers(0, 0xFFFF)

_TAG_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS)

_TAGS: st.SearchStrategy[dict[str, pci_device.TagValue]]
_TAGS = st.dictionaries(TEXTS | st.just("physical_network"), _TAG_VALUES)


def _tags(tags: dict[str, pci_device.TagValue]) -> pci_device.Tags:
    network = tags.get("physical_network")
    if network is not None and not isinstance(network, str):
        tags["physical_network"] = str(network)
    return tuple(sorted(tags.items()))


_NETDEVS = st.builds(
    pci_device.NetDev,
    name=TEXTS,
    mac=st.none() | st.just("52:54:00:b0:00:00"),
    link=st.none() | st.sampled_from(pci_device.Link),
    dev_port=st.none() | NUMBERS,
    phys_port_name=st.none() | st.just("") | TEXTS,
    phys_switch_id=st.none() | st.just("") | TEXTS,
    bond=st.none() | st.just("") | TEXTS,
)

_STEPS = st.sampled_from(["pci0000:40", "pci10000:00", "0000:40:00.0"])

_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "vendor_id": IDS,
        "product_id": IDS,
        "class_id": st.sampled_from(["020000", "010802", "030000"]),
        "numa_node": st.integers(0, 3),
        "driver": st.just("") | TEXTS,
        "iommu_group": st.sampled_from(["", "7"]),
        "netdevs": st.lists(_NETDEVS, max_size=3).map(tuple),
        "fc_link": st.sampled_from(pci_device.Link),
        "card_serial_number": st.just("") | TEXTS,
        "path": st.lists(_STEPS, max_size=4).map(tuple),
        "assignable": st.booleans(),
        "tags": _TAGS.map(_tags),
        "status": st.sampled_from(pci_device.DeviceStatus),
        "instance_uuid": st.just("") | TEXTS,
    },
)


@st.composite
def devices(draw: st.DrawFn) -> list[pci_device.Device]:
    """Draw the functions of a few cards: PFs with VFs, and plain ones."""
    found = []
    for bus in range(draw(st.integers(0, 4))):
        head = pci_address.PciAddress(
            draw(st.sampled_from([0, 0x10000])), bus, 0, 0
        )
        count = draw(st.integers(0, 4))
        plain = count == 0 and draw(st.booleans())
        dev_type = pci_device.DevType.PCI if plain else pci_device.DevType.PF
        found.append(
            pci_device.Device(address=head, dev_type=dev_type, **draw(_FACTS))
        )
        for index in range(count):
            found.append(
                pci_device.Device(
                    address=head._replace(slot=16 + index),
                    dev_type=draw(
                        st.sampled_from(
                            [pci_device.DevType.VF, pci_device.DevType.VDPA]
                        )
                    ),
                    parent_addr=draw(st.sampled_from([head, None])),
                    vf_index=draw(st.sampled_from([index, None])),
                    **draw(_FACTS),
                )
            )
    return found


@st.composite
def hosts(draw: st.DrawFn) -> pci_host.Host:
    """Draw a host as a reader would give it."""
    agents = st.builds(
        pci_host.L2Agent,
        agent_type=TEXTS,
        alive=st.booleans(),
        admin_state_up=st.booleans(),
        configurations=st.dictionaries(TEXTS, TEXTS, max_size=2),
    )
    nodes = draw(st.lists(st.integers(0, 9), unique=True, max_size=3))
    socket = st.none() | st.integers(0, 3)
    return pci_host.Host(
        name=draw(TEXTS),
        devices=tuple(sorted(draw(devices()), key=lambda each: each.address)),
        numa=tuple(
            pci_host.NumaNode(node, draw(socket)) for node in sorted(nodes)
        ),
        agents=draw(st.none() | st.lists(agents, max_size=2).map(tuple)),
    )
