# SPDX-License-Identifier: Apache-2.0
"""Hosts and device_spec values, likely and odd, that fit together often."""

import itertools
import json
from typing import Any

from hypothesis import strategies as st

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

DOMAINS = (0x0, 0x0, 0x1, 0xFFFF, 0x10000)
BUSES = (0x08, 0x0A, 0x81)
VENDORS = ("8086", "15b3")
PF_PRODUCTS = ("a2d6", "0042")
VF_PRODUCTS = ("101e", "0042")
PRODUCTS = (*PF_PRODUCTS, *VF_PRODUCTS)
NAMES = ("p0", "p0v0", "eth1", "pf0vf0")
KEYS = ("domain", "bus", "slot", "function")

#: What is no text, where Nova wants one.
WRONG_TYPES: tuple[Any, ...] = (None, 0, 5, True, False, [], ["a"], {}, 1.5)

#: What ``int(text, 16)`` takes or does not, whatever the number.
ODD_HEX = (
    *("*", " * ", "", " ", "0*", "**", "-1", "+1", "0x1", "_1", "1_0", "xyz"),
    *("\uff11", "\u0660\u0668", "10000", "ffffffff", "\ud800", "0x", "?"),
    "8086\n",
)

WORDS = (
    *("true", "true", "True", " yes ", "on", "1", "false", "no", "0"),
    *(True, False, 1, 0, None),
)
ODD_WORDS: tuple[Any, ...] = (
    *("maybe", "", 1.0, float("nan"), [], ["true"], {}, {"a": 1}),
)

Entry = dict[str, Any]


def _netdevs(*names: str) -> tuple[pci_device.NetDev, ...]:
    return tuple(map(pci_device.NetDev, names))


_NETDEVS = (None, (), *(_netdevs(name) for name in NAMES), _netdevs(*NAMES))
_SERIALS = (None, "", "MT2042X")

#: One draw for all that a function is: hypothesis is slow in many small ones.
_FUNCTIONS: tuple[dict[str, Any], ...] = tuple(
    {
        "vendor_id": vendor,
        "product_id": product,
        "card_serial_number": serial,
        "netdevs": netdevs,
    }
    for vendor, product, serial, netdevs in itertools.product(
        VENDORS, VF_PRODUCTS, _SERIALS, _NETDEVS
    )
)
_CARDS: tuple[dict[str, Any], ...] = tuple(
    function | {"product_id": product}
    for function, product in itertools.product(
        _FUNCTIONS[:: len(VF_PRODUCTS)], PF_PRODUCTS
    )
)
_SRIOV: tuple[dict[str, Any], ...] = tuple(
    {"sriov_totalvfs": total, "vf_product_id": product}
    for total, product in itertools.product(
        (2, 2, 0, None), (*VF_PRODUCTS, None)
    )
)


@st.composite
def hosts(draw: st.DrawFn) -> pci_host.Host:
    """Draw a host of a few cards, each plain or split into two VFs."""
    found: dict[pci_address.PciAddress, pci_device.Device] = {}
    kinds = (None, pci_device.DevType.VF, pci_device.DevType.VDPA)
    cards = st.tuples(
        st.sampled_from(tuple(itertools.product(DOMAINS, BUSES, kinds))),
        st.sampled_from(_CARDS),
    )
    for place, card in draw(st.lists(cards, min_size=1, max_size=3)):
        domain, bus, kind = place
        address = pci_address.PciAddress(domain, bus, 0, 0)
        if kind is None:
            found[address] = pci_device.Device(
                address=address, dev_type=pci_device.DevType.PCI, **card
            )
            continue
        found[address] = pci_device.Device(
            address=address,
            dev_type=pci_device.DevType.PF,
            **card,
            **draw(st.sampled_from(_SRIOV)),
        )
        for slot, function in ((0, 2), (1, 1)):
            below = pci_address.PciAddress(domain, bus, slot, function)
            found[below] = pci_device.Device(
                address=below,
                dev_type=kind,
                parent_addr=address,
                **draw(st.sampled_from(_FUNCTIONS)),
            )
    return pci_host.Host(
        "compute1", tuple(found[place] for place in sorted(found))
    )


def _spell(text: str) -> list[str]:
    """Write one hex number in ways that Nova reads alike."""
    usual = [text] * 6
    return [
        *usual,
        text.upper(),
        f"0x{text}",
        f" {text} ",
        f"+{text}",
        f"0{text}",
        f"0_{text}",
    ]


def _either(
    strange: bool, usual: tuple[Any, ...], odd: tuple[Any, ...]
) -> st.SearchStrategy[Any]:
    """Draw what is usual; in a strange entry sometimes what is not."""
    if not strange:
        return st.sampled_from(usual)
    return st.sampled_from(usual) | st.sampled_from(odd)


def _ids(strange: bool, known: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Draw a vendor or product id."""
    usual = ("*", *(text for each in known for text in _spell(each)))
    return _either(strange, usual, (*ODD_HEX, *WRONG_TYPES))


@st.composite
def _address_texts(draw: st.DrawFn, host: pci_host.Host, strange: bool) -> str:
    """Draw an address with wildcards, or without."""
    text = str(draw(st.sampled_from(host.devices)).address)
    if draw(st.booleans()):
        return text
    domain, bus, slot, function = (
        draw(_either(strange, (*_spell(field), *("*",) * 4, ""), ODD_HEX))
        for field in text.replace(".", ":").split(":")
    )
    left_out = draw(st.sampled_from((0, 0, 0, 1, 2)))
    dot = draw(_either(strange, (".",), ("", ":", "..")))
    return f"{':'.join((domain, bus, slot)[left_out:])}{dot}{function}"


@st.composite
def _address_dicts(
    draw: st.DrawFn, host: pci_host.Host, strange: bool
) -> Entry:
    """Draw regular expressions, or an object that names one function."""
    text = str(draw(st.sampled_from(host.devices)).address)
    fields = text.replace(".", ":").split(":")
    if draw(st.booleans()):
        return dict(zip(KEYS, fields, strict=True))
    odd = ("(", "*", "[0-", "a{99999999999999999999}", "\\", *WRONG_TYPES)
    expressions = {
        key: _either(
            strange,
            (f, f, f[:1], "", ".*", f"({f}|ff)", "[0-2]$", "0?", f.upper()),
            odd,
        )
        for key, f in zip(KEYS, fields, strict=True)
    }
    return draw(
        st.fixed_dictionaries(
            {}, optional={**expressions, "func": st.just("1")}
        )
    )


@st.composite
def _places(draw: st.DrawFn, host: pci_host.Host, strange: bool) -> Entry:
    """Draw what says where the devices are."""
    names = _either(
        strange, (*NAMES, *NAMES, "absent", ""), (*WRONG_TYPES, "5")
    )
    kinds: dict[str, st.SearchStrategy[Entry]] = {
        "nowhere": st.just({}),
        "text": st.fixed_dictionaries(
            {"address": _address_texts(host, strange)}
        ),
        "dict": st.fixed_dictionaries(
            {"address": _address_dicts(host, strange)}
        ),
        "name": st.fixed_dictionaries({"devname": names}),
    }
    if strange:
        odd = st.sampled_from(WRONG_TYPES)
        kinds["odd"] = st.fixed_dictionaries({"address": odd})
        kinds["both"] = st.fixed_dictionaries(
            {"address": odd | st.just("*:*:*.*"), "devname": names}
        )
    return draw(kinds[draw(st.sampled_from(sorted(kinds)))])


@st.composite
def _of_one_function(draw: st.DrawFn, host: pci_host.Host) -> Entry:
    """Draw an entry that names one function, most often a PF."""
    parents = {each.parent_addr for each in host.devices} - {None}
    pfs = [each for each in host.devices if each.address in parents]
    device = draw(st.sampled_from(pfs or host.devices))
    fields = str(device.address).replace(".", ":").split(":")
    ways: list[Entry] = [
        {"address": str(device.address)},
        {"address": dict(zip(KEYS, fields, strict=True))},
        *({"devname": netdev.name} for netdev in device.netdevs or ()),
    ]
    ids = st.fixed_dictionaries(
        {"product_id": st.sampled_from((device.vf_product_id, *PRODUCTS))},
        optional={"vendor_id": st.sampled_from((device.vendor_id, *VENDORS))},
    ).map(lambda each: {key: each[key] or "*" for key in each})
    tags = st.fixed_dictionaries({"remote_managed": st.sampled_from(WORDS)})
    return draw(st.sampled_from(ways)) | draw(ids) | draw(tags)


@st.composite
def entries(draw: st.DrawFn, host: pci_host.Host) -> Entry:
    """Draw one object of device_spec."""
    if draw(st.sampled_from((False, False, True))):
        return draw(_of_one_function(host))
    strange = draw(st.sampled_from((False, False, True)))
    words = _either(strange, WORDS, ODD_WORDS)
    rest = st.fixed_dictionaries(
        {},
        optional={
            "vendor_id": _ids(strange, VENDORS),
            "product_id": _ids(strange, PRODUCTS),
            "remote_managed": words,
            "physical_network": st.sampled_from(("net1", None, "")),
            "managed": words,
            "one_time_use": _either(strange, ("no", "false"), WORDS),
            "tag": _either(strange, ("x", 5, 1.5, None), ([], {"a": 1})),
        },
    )
    return draw(_places(host, strange)) | draw(rest)


@st.composite
def values(draw: st.DrawFn, host: pci_host.Host) -> str:
    """Draw one value of the option: an object, a list, or neither."""
    kind = draw(st.sampled_from(("object",) * 8 + ("list", "junk")))
    if kind == "object":
        return json.dumps(draw(entries(host)))
    if kind == "list":
        items = st.one_of(*[entries(host)] * 5, st.sampled_from((5, None, [])))
        return json.dumps(draw(st.lists(items, max_size=2)))
    return draw(
        st.sampled_from(("", "{", "5", '"x"', "null", "[" * 5000, '{"a":1,}'))
    )
