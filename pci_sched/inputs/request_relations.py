# SPDX-License-Identifier: Apache-2.0
"""What a request document must not say of how its parts relate.

The schema judges each value by itself; here they are held against each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pci_sched import exception
from pci_sched.inputs import document_schema, nova_nic

_Json = Mapping[str, Any]
_Problem = tuple[str, str]

#: Types of network that are one physical network, and those without any.
_PHYSICAL = frozenset({"flat", "vlan"})
_VIRTUAL = frozenset({"local", "vxlan", "gre", "geneve"})

_NETWORK = "physical_network"

#: Keys of an alias that a spec has in another form, and that form.
_OF_ALIAS = {
    "device_type": 'is "dev_type" in a spec',
    "name": "is a key of [pci]alias; a spec has no name",
    "numa_policy": "stands beside the spec, as $.devices[].numa_policy",
}


def port_id(number: int, port: _Json) -> str:
    """Name a port.

    :param number: Of the port, from 0.
    :param port: The port.
    :returns: Its id; its number as a text where it has none.
    """
    return str(port.get("id", number))


def request_id(number: int, device: _Json) -> str:
    """Name a request for devices.

    :param number: Of the request, from 0.
    :param device: The request.
    :returns: Its id, or one made of its number.
    """
    return str(device.get("id", f"device-{number}"))


def _places(document: _Json, key: str) -> Iterator[tuple[str, int, _Json]]:
    for number, each in enumerate(document.get(key, ())):
        yield f"$.{key}[{number}]", number, each


def _refuse_twice(named: Iterable[tuple[str, str]]) -> Iterator[_Problem]:
    first: dict[str, str] = {}
    for path, name in named:
        if name in first:
            shown = document_schema.shown(name)
            yield path, f"{shown} is the name of {first[name]} already"
        first[name] = path


def _ids(document: _Json) -> Iterator[_Problem]:
    ports = [
        (path, port_id(number, each))
        for path, number, each in _places(document, "ports")
    ]
    yield from _refuse_twice(ports)
    # The requests for devices of ports have names too.
    requests = [(path, f"port-{name}") for path, name in ports]
    requests += [
        (path, request_id(number, each))
        for path, number, each in _places(document, "devices")
    ]
    yield from _refuse_twice(requests)


def _segments(path: str, port: _Json) -> Iterator[_Problem]:
    vnic_type = port.get("vnic_type", "normal")
    if vnic_type in nova_nic.WITH_DEVICE and "segments" not in port:
        yield (
            f"{path}.segments",
            f"is missing; a port of vnic_type {vnic_type} needs a device on"
            ' its network, like [{"network_type": "vlan",'
            ' "physical_network": "physnet1"}]',
        )
    for number, segment in enumerate(port.get("segments", ())):
        place = f"{path}.segments[{number}].physical_network"
        kind, network = segment["network_type"], segment.get(_NETWORK)
        if kind in _PHYSICAL and network is None:
            yield place, f"is missing; a {kind} network has one"
        if kind in _VIRTUAL and network is not None:
            shown = document_schema.shown(network)
            yield place, f"{shown} should be null; a {kind} network has none"


def _ports(document: _Json) -> Iterator[_Problem]:
    for path, _number, port in _places(document, "ports"):
        yield from _segments(path, port)
        vnic_type = port.get("vnic_type", "normal")
        if "spread_group" in port and vnic_type not in nova_nic.WITH_DEVICE:
            yield (
                f"{path}.spread_group",
                f"stands at a port of vnic_type {vnic_type}, which has no"
                " device to spread",
            )


def _devices(document: _Json) -> Iterator[_Problem]:
    for path, _number, device in _places(document, "devices"):
        if ("alias" in device) == ("spec" in device):
            both = "not both" if "alias" in device else "and has neither"
            yield path, f"should have an alias or a spec, {both}"
        for number, spec in enumerate(device.get("spec", ())):
            for key in filter(spec.__contains__, _OF_ALIAS):
                yield f"{path}.spec[{number}].{key}", _OF_ALIAS[key]


def _spreads(document: _Json) -> Iterator[_Problem]:
    spreads = list(_places(document, "spreads"))
    yield from _refuse_twice(
        (path, each["group"]) for path, _, each in spreads
    )
    groups = {each["group"] for _, _, each in spreads}
    members = set()
    for key in ("ports", "devices"):
        for path, _number, each in _places(document, key):
            group = each.get("spread_group")
            members.add(group)
            if group is not None and group not in groups:
                shown = document_schema.shown(group)
                yield f"{path}.spread_group", f"{shown} is not in $.spreads"
    for path, _number, each in spreads:
        if each["group"] not in members:
            yield f"{path}.group", "is the spread_group of nothing"


def _problems(document: _Json) -> Iterator[_Problem]:
    yield from _ids(document)
    yield from _ports(document)
    yield from _devices(document)
    yield from _spreads(document)
    if "numa_cells" in document and "guest_cells" in document:
        yield (
            "$.guest_cells",
            "stands beside $.numa_cells; one of them says where the guest is",
        )


def check(document: _Json) -> None:
    """Check what the schema cannot.

    :param document: A request document that fits the schema.
    :raises exception.DocumentInvalid: If it contradicts itself; the first
        place is named.
    """
    for path, problem in _problems(document):
        raise exception.DocumentInvalid(path, problem)
