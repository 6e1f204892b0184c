# SPDX-License-Identifier: Apache-2.0
"""The matcher for the requests of an instance, made once for each content.

Nova asks anew for each host, and for each way to place a guest on it. What is
looked up is the content: so nothing can be out of date.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

from pci_sched.inputs import nova_request, nova_rows, nova_spread
from pci_sched.matching import matcher
from pci_sched.matching import options as pci_options
from pci_sched.nova import neighbours, spec_rows, spread_asks

#: The names of a request, its count, and its alternatives.
_Row = tuple[
    tuple[str | None, str | None, str | None, str | None],
    int | None,
    tuple[tuple[tuple[str, object], ...], ...],
]


def of_requests(
    requests: Iterable[Any],
    mapping: Mapping[str, Sequence[str]],
    cells: frozenset[int],
    options: pci_options.Options,
) -> matcher.Matcher:
    """Make requests ready to be matched.

    Their devices are kept apart as :mod:`.spread_asks` knows, also from what
    the server has already: that is requested behind them.

    :param requests: ``nova.objects.InstancePCIRequest`` objects.
    :param mapping: What Placement chose for each group of a request; where
        it is empty, what the requests themselves say.
    :param cells: The host cells of the guest; empty for anywhere.
    :param options: How to match.
    :returns: The same object for the same content, for a while.
    """
    listed = tuple(requests)
    return _make(
        tuple(map(_freeze, spec_rows.read_requests(listed))),
        tuple((group, tuple(chosen)) for group, chosen in mapping.items()),
        cells,
        options,
        spread_asks.recall(listed),
        spread_asks.beside(),
    )


def _freeze(row: nova_rows.PciRequestRow) -> _Row:
    """Give the content of a request a form to look it up by."""
    specs = tuple(tuple(spec.items()) for spec in row.spec or ())
    return (
        (row.request_id, row.requester_id, row.alias_name, row.numa_policy),
        row.count,
        specs,
    )


def _thaw(content: _Row) -> nova_rows.PciRequestRow:
    (request_id, requester_id, alias_name, policy), count, specs = content
    return nova_rows.PciRequestRow(
        request_id=request_id,
        requester_id=requester_id,
        alias_name=alias_name,
        numa_policy=policy,
        count=count,
        spec=tuple(map(dict, specs)),
    )


@functools.lru_cache(maxsize=256)
def _make(
    content: tuple[_Row, ...],
    mapping: tuple[tuple[str, tuple[str, ...]], ...],
    cells: frozenset[int],
    options: pci_options.Options,
    asks: nova_spread.Asks,
    beside: tuple[neighbours.Neighbour, ...],
) -> matcher.Matcher:
    rows = tuple(map(_thaw, content))
    reading = nova_request.read(nova_rows.SpecRows(pci_requests=rows))
    providers = nova_request.read_providers(reading, dict(mapping))
    devices = (*reading.devices, *[each.request for each in beside])
    reading = dataclasses.replace(reading, devices=devices, asks=asks)
    request = dataclasses.replace(
        reading.to_request(providers=providers), numa_cells=cells
    )
    return matcher.Matcher(neighbours.tie(request, beside), options)
