# SPDX-License-Identifier: Apache-2.0
"""A request, read from a document.

An absent key says "not known" where something can be unknown: the segments of
a port, its profile. The names of aliases are looked up in ``[pci]alias``.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import os
from typing import Any

from pci_sched import exception
from pci_sched.inputs import alias as pci_alias
from pci_sched.inputs import (
    document_schema,
    document_text,
    nova_nic,
    nova_port_request,
    nova_spread,
    oddity,
    request_relations,
    request_schema,
)
from pci_sched.model import request as pci_request

_Json = Mapping[str, Any]
_Aliases = Mapping[str, pci_alias.Alias]


def load(
    document: object,
    alias: Sequence[str] = (),
    *,
    pci_in_placement: bool = False,
    port_spread: nova_spread.Ask | None = None,
) -> pci_request.InstanceRequest:
    """Read a request from a document.

    A port that needs a device gets the request for it that Nova would make.

    :param document: What ``json.loads`` gives for a request document.
    :param alias: Values of ``[pci]alias``, each a JSON object, for a
        document that asks for devices by alias.
    :param pci_in_placement: The option
        ``[filter_scheduler]pci_in_placement``.
    :param port_spread: How the devices of ports are kept apart where neither
        the ports nor the flavor says, and the document names no groups.
    :returns: The request.
    :raises exception.DocumentInvalid: If the document has another form,
        contradicts itself or names an alias that is not there.
    :raises exception.AliasInvalid: If Nova would not take an alias.
    """
    parsed = pci_alias.parse(alias, pci_in_placement=pci_in_placement)
    aliases = {each.name: each for each in parsed}
    source = request_schema.check(document)
    request_relations.check(source)
    ports = source.get("ports", ())
    cells, count = _read_cells(source)
    devices: tuple[pci_request.DeviceRequest, ...] = (
        *_read_port_devices(ports),
        *(
            _read_device(number, each, aliases)
            for number, each in enumerate(source.get("devices", ()))
        ),
    )
    spreads = tuple(map(_read_spread, source.get("spreads", ())))
    if not spreads:
        devices, spreads = _read_asks(source, port_spread).apply(devices)
    return pci_request.InstanceRequest(
        ports=tuple(_read_port(*each) for each in enumerate(ports)),
        devices=devices,
        numa_cells=cells,
        guest_cells=count,
        spreads=spreads,
    )


def loads(
    text: str | bytes,
    alias: Sequence[str] = (),
    *,
    pci_in_placement: bool = False,
    port_spread: nova_spread.Ask | None = None,
) -> pci_request.InstanceRequest:
    """Read a request from the text of a document.

    :param text: JSON; bytes in UTF-8.
    :param alias: As for :func:`load`.
    :param pci_in_placement: As for :func:`load`.
    :param port_spread: As for :func:`load`.
    :returns: The request.
    :raises exception.DocumentInvalid: Also if it is no JSON.
    """
    return load(
        document_text.parse(text),
        alias,
        pci_in_placement=pci_in_placement,
        port_spread=port_spread,
    )


def _read_cells(source: _Json) -> tuple[frozenset[int] | None, int]:
    count = int(source.get("guest_cells", 0))
    if count:
        return None, count
    return frozenset(map(int, source.get("numa_cells", ()))), 0


def _read_segment(source: _Json) -> pci_request.Segment:
    return pci_request.Segment(
        source["network_type"],
        source.get("physical_network"),
        source.get("id"),
    )


def _read_port(number: int, source: _Json) -> pci_request.PortRequest:
    segments = source.get("segments")
    profile = source.get("profile")
    vnic_type = pci_request.VnicType(source.get("vnic_type", "normal"))
    return pci_request.PortRequest(
        port_id=request_relations.port_id(number, source),
        vnic_type=vnic_type,
        segments=None
        if segments is None
        else tuple(map(_read_segment, segments)),
        subnet_segment_ids=frozenset(source.get("subnet_segment_ids", ())),
        # As in Neutron: a profile that is shown is all there is.
        capabilities=None
        if profile is None
        else frozenset(profile.get("capabilities", ())),
        device_decides=vnic_type in nova_nic.DIRECT,
    )


def _read_policy(
    source: _Json, default: str = "legacy"
) -> pci_request.NumaPolicy:
    return pci_request.NumaPolicy(source.get("numa_policy", default))


def _read_port_devices(
    ports: Iterable[_Json],
) -> Iterable[pci_request.DeviceRequest]:
    for number, source in enumerate(ports):
        found = nova_port_request.make(
            _read_port(number, source),
            trusted=source.get("profile", {}).get("trusted"),
            numa_policy=_read_policy(source),
        )
        if found is not None:
            group = source.get("spread_group")
            yield dataclasses.replace(found, spread_group=group)


def _read_device(
    number: int, source: _Json, aliases: _Aliases
) -> pci_request.DeviceRequest:
    specs = tuple(
        tuple(sorted(each.items())) for each in source.get("spec", ())
    )
    policy = "legacy"
    if "alias" in source:
        alias = _find(f"$.devices[{number}].alias", source["alias"], aliases)
        specs, policy = alias.specs, alias.numa_policy
    return pci_request.DeviceRequest(
        request_id=request_relations.request_id(number, source),
        count=int(source.get("count", 1)),
        specs=specs,
        numa_policy=_read_policy(source, policy),
        spread_group=source.get("spread_group"),
    )


def _find(path: str, name: str, aliases: _Aliases) -> pci_alias.Alias:
    if name in aliases:
        return aliases[name]
    known = ", ".join(map(document_schema.shown, aliases)) or "none"
    raise exception.DocumentInvalid(
        path,
        f"{document_schema.shown(name)} should be a name in [pci]alias; there:"
        f" {known}",
    )


def _read_asks(
    source: _Json, default: nova_spread.Ask | None
) -> nova_spread.Asks:
    """Read who asks for devices to be kept apart; the schema has checked."""
    oddities: list[oddity.Oddity] = []
    ports = {
        request_relations.port_id(number, each): nova_spread.of_port(
            nova_spread.of_profile(each.get("profile")), "", oddities
        )
        for number, each in enumerate(source.get("ports", ()))
    }
    flavor = source.get("flavor", {}).get("extra_specs", {})
    return nova_spread.Asks(
        nova_spread.of_flavor(flavor, oddities),
        tuple((name, ask) for name, ask in ports.items() if ask is not None),
        default,
    )


def _read_spread(source: _Json) -> pci_request.Spread:
    return pci_request.Spread(
        source["group"],
        pci_request.SpreadLevel(source.get("level", "pf")),
        source.get("hard", False),
    )


def read_file(
    path: str | os.PathLike[str],
    alias: Sequence[str] = (),
    *,
    pci_in_placement: bool = False,
) -> pci_request.InstanceRequest:
    """Read a request from the file of a document.

    :param path: The file.
    :param alias: As for :func:`load`.
    :param pci_in_placement: As for :func:`load`.
    :returns: The request.
    :raises exception.DocumentInvalid: If it is no request document; the
        message begins with the file's name.
    :raises exception.InputInvalid: If the file cannot be read.
    """
    text = document_text.read_file(path)
    with document_text.named(path):
        return loads(text, alias, pci_in_placement=pci_in_placement)
