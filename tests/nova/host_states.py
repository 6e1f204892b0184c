# SPDX-License-Identifier: Apache-2.0
"""HostState objects as nova-scheduler makes them, and requests for them."""

from collections.abc import Iterable, Mapping, Sequence
import datetime
from typing import Any
import uuid

from nova import objects
from nova.objects import pci_device_pool
from nova.scheduler import host_manager

objects.register_all()

Record = Mapping[str, Any]

#: One of Placement's candidates that says nothing of devices.
PLAIN_CANDIDATE: Record = {"allocations": {}, "mappings": {}}

_UPDATED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def make(
    records: Iterable[Record],
    *,
    name: str = "host",
    cells: Sequence[int] = (),
    stats: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Any:
    """A host as the scheduler reads it from its compute node.

    *cells* are the sockets of its NUMA nodes.
    """
    topology = None
    if cells:
        made = [_cell(node, socket) for node, socket in enumerate(cells)]
        topology = objects.NUMATopology(cells=made)._to_json()  # noqa: SLF001
    compute = objects.ComputeNode(
        uuid=str(uuid.uuid4()),
        host=name,
        hypervisor_hostname=name,
        memory_mb=65536,
        free_ram_mb=65536,
        local_gb=1000,
        local_gb_used=0,
        free_disk_gb=1000,
        disk_available_least=None,
        vcpus=64,
        vcpus_used=0,
        updated_at=_UPDATED,
        host_ip="192.0.2.1",
        hypervisor_type="QEMU",
        hypervisor_version=8000000,
        cpu_info="",
        supported_hv_specs=[],
        stats=dict(stats or {}),
        metrics="[]",
        numa_topology=topology,
        pci_device_pools=pci_device_pool.from_pci_stats(
            [dict(record) for record in records]
        ),
        cpu_allocation_ratio=1.0,
        ram_allocation_ratio=1.0,
        disk_allocation_ratio=1.0,
    )
    host = host_manager.HostState(name, name, str(uuid.uuid4()))
    aggregates = [objects.Aggregate(metadata=dict(metadata or {}))]
    host.update(compute=compute, aggregates=aggregates)
    host.allocation_candidates = [PLAIN_CANDIDATE]
    return host


def spec(
    *requests: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    count: int = 1,
    policy: str | None = None,
    cells: int = 0,
) -> Any:
    """A request for a server with devices, one port for each alternative.

    *count* is for each; *cells* is how many the guest has.
    """
    return objects.RequestSpec(
        instance_uuid=str(uuid.uuid4()),
        flavor=objects.Flavor(
            root_gb=1, ephemeral_gb=0, memory_mb=512, vcpus=1, extra_specs={}
        ),
        image=objects.ImageMeta(properties=objects.ImageMetaProps()),
        requested_resources=[],
        numa_topology=_guest(cells) if cells else None,
        pci_requests=objects.InstancePCIRequests(
            requests=[
                port(number, each, count=count, policy=policy)
                for number, each in enumerate(requests)
            ]
        ),
    )


def port(
    number: int,
    specs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    count: int = 1,
    policy: str | None = None,
) -> Any:
    """What Nova makes of an SR-IOV port."""
    if isinstance(specs, Mapping):
        specs = [specs]
    return objects.InstancePCIRequest(
        count=count,
        spec=[dict(each) for each in specs],
        request_id=str(uuid.UUID(int=number)),
        requester_id=str(uuid.UUID(int=1000 + number)),
        alias_name=None,
        numa_policy=policy,
    )


def counts(host: Any) -> dict[tuple[str, str], int]:
    """How many devices a host has left, by address and type."""
    return {
        (pool["address"], pool["dev_type"]): pool["count"]
        for pool in host.pci_stats.pools
    }


def _cell(node: int, socket: int) -> Any:
    first = 8 * node
    return objects.NUMACell(
        id=node,
        cpuset=set(range(first, first + 8)),
        pcpuset=set(),
        memory=32768,
        cpu_usage=0,
        memory_usage=0,
        socket=socket,
        pinned_cpus=set(),
        mempages=[objects.NUMAPagesTopology(size_kb=4, total=8388608, used=0)],
        siblings=[{cpu} for cpu in range(first, first + 8)],
    )


def _guest(cells: int) -> Any:
    return objects.InstanceNUMATopology(
        cells=[
            objects.InstanceNUMACell(
                id=cell,
                cpuset={cell},
                pcpuset=set(),
                memory=512,
            )
            for cell in range(cells)
        ]
    )
