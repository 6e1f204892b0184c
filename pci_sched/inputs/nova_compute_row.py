# SPDX-License-Identifier: Apache-2.0
"""One row of Nova's table ``compute_nodes``, and the JSON in its columns."""

from collections.abc import Iterable, Mapping
import dataclasses
import json
from typing import Any

from pci_sched.inputs import host_facts, oddity
from pci_sched.model import host as pci_host

#: Where a versioned object has its fields.
_DATA = "nova_object.data"

_Oddities = list[oddity.Oddity]


@dataclasses.dataclass(frozen=True, slots=True)
class ComputeRow:
    """What of a row matters here; ``None`` is NULL.

    :ivar host: The service's host, by which Neutron knows it too.
    :ivar node: The hypervisor's name: several nodes may be on one host.
    """

    host: str | None
    node: str | None
    pci_stats: str | None = None
    numa_topology: str | None = None
    stats: str | None = None
    hypervisor_type: str | None = None


def read_numa(
    text: str | None, oddities: _Oddities
) -> tuple[pci_host.NumaNode, ...]:
    """Read the column ``numa_topology``.

    :param text: A versioned object as JSON, or the plain object that older
        releases wrote; ``None`` where the host has no topology.
    :param oddities: Gets what made no sense.
    :returns: The nodes; empty if not known.
    """
    topology = _fields(_load(text, "numa_topology", oddities))
    cells = topology.get("cells")
    if not isinstance(cells, list):
        return ()
    return tuple(_read_cells(map(_fields, cells)))


def _read_cells(
    cells: Iterable[Mapping[str, Any]],
) -> Iterable[pci_host.NumaNode]:
    for cell in cells:
        node = _number(cell.get("id"))
        if node is not None:
            yield pci_host.NumaNode(node, _number(cell.get("socket")))


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None


def read_own_facts(text: str | None, oddities: _Oddities) -> str | None:
    """Read what the compute published of its host in the column ``stats``.

    :param text: The column.
    :param oddities: Gets what made no sense.
    :returns: For :func:`.fact_sources.answer_from_stats`; ``None`` if it
        published nothing.
    """
    found = _load(text, "stats", oddities)
    value = found.get(host_facts.KEY) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else None


def _load(text: str | None, column: str, oddities: _Oddities) -> object:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"is no JSON ({error}); nothing is read from it"
        oddities.append(oddity.Oddity(column, problem))
        return None


def _fields(value: object) -> Mapping[str, Any]:
    """Give the fields of an object, versioned or plain."""
    if isinstance(value, Mapping) and _DATA in value:
        value = value[_DATA]
    return value if isinstance(value, Mapping) else {}
