# SPDX-License-Identifier: Apache-2.0
"""A host's pools and physical functions in Prometheus' text format.

A number that is not known is left out, never written as 0; a label that is
not known is empty, which to Prometheus is the same as no label.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
import dataclasses
from typing import NamedTuple, TypeAlias

from pci_sched.cli.render import words
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import ledger as pool_ledger

_Labels: TypeAlias = tuple[tuple[str, str], ...]

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class _Metric(NamedTuple):
    name: str
    help: str
    samples: Mapping[_Labels, int]


def render(*hosts: pci_host.Host) -> str:
    r"""Write the gauges of one or more hosts.

    :param \*hosts: Each name at most once.
    :returns: The text exposition format, version 0.0.4; "" if there is
        nothing to say.
    """
    pfs = [
        (host, device)
        for host in hosts
        for device in host.devices
        if device.dev_type is pci_device.DevType.PF
    ]
    metrics = (
        _Metric(
            "pci_pool_devices",
            "PCI devices of a pool, by who has them.",
            _devices(hosts),
        ),
        _Metric(
            "pci_pool_pf_link_up",
            "Whether the link of a physical function is up.",
            dict(_links(pfs)),
        ),
        _Metric(
            "pci_pool_pf_vfs_enabled",
            "Virtual functions that a physical function has.",
            _numbers((host, pf, pf.sriov_numvfs) for host, pf in pfs),
        ),
        _Metric(
            "pci_pool_pf_vfs_total",
            "Virtual functions that a physical function can have.",
            _numbers((host, pf, pf.sriov_totalvfs) for host, pf in pfs),
        ),
    )
    return "".join(line for metric in metrics for line in _write(metric))


def _write(metric: _Metric) -> Iterator[str]:
    if not metric.samples:
        return
    yield f"# HELP {metric.name} {metric.help}\n"
    yield f"# TYPE {metric.name} gauge\n"
    for labels, value in metric.samples.items():
        pairs = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
        yield f"{metric.name}{{{pairs}}} {value}\n"


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _devices(hosts: Iterable[pci_host.Host]) -> dict[_Labels, int]:
    """Add up pools that only differ in what is no label."""
    sums: collections.Counter[_Labels] = collections.Counter()
    for host in hosts:
        for pool in pool_ledger.Ledger.of(host.devices).pools:
            for state, count in _counts(pool):
                sums[(*_pool_labels(host, pool), ("state", state))] += count
    return sums


def _counts(pool: pool_ledger.Pool) -> Iterator[tuple[str, int]]:
    """Leave out a 0 where one of the unknown devices could be the first."""
    counts = dataclasses.asdict(pool.counts)
    for state, count in counts.items():
        if count or not counts["unknown"]:
            yield state, count


def _pool_labels(host: pci_host.Host, pool: pool_ledger.Pool) -> _Labels:
    key = pool.key
    is_plain = key.dev_type is pci_device.DevType.PCI
    numa = "" if key.numa_node is None else str(key.numa_node)
    return (
        ("host", words.plain(host.name)),
        ("physical_network", _network(pool.devices[0])),
        ("pf", "" if is_plain else str(key.root)),
        ("numa_node", numa),
        ("dev_type", key.dev_type),
        ("vendor_id", key.vendor_id or ""),
        ("product_id", key.product_id or ""),
    )


def _network(device: pci_device.Device) -> str:
    return words.plain(device.physical_network or "")


def _links(
    pfs: Iterable[tuple[pci_host.Host, pci_device.Device]],
) -> Iterator[tuple[_Labels, int]]:
    for host, pf in pfs:
        if pf.link is not None:
            labels = (*_pf_labels(host, pf), ("netdev", words.netdev(pf)))
            yield labels, int(pf.link is pci_device.Link.UP)


def _numbers(
    facts: Iterable[tuple[pci_host.Host, pci_device.Device, int | None]],
) -> dict[_Labels, int]:
    return {
        _pf_labels(host, pf): number
        for host, pf, number in facts
        if number is not None
    }


def _pf_labels(host: pci_host.Host, pf: pci_device.Device) -> _Labels:
    return (
        ("host", words.plain(host.name)),
        ("pf", str(pf.address)),
        ("physical_network", _network(pf)),
    )
