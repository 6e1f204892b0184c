# SPDX-License-Identifier: Apache-2.0
"""A filter that passes every host and keeps what it was given."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from nova import context, exception, objects
from nova.scheduler import filters

#: The name under which Nova loads it.
PATH = f"{__name__}.RecordingFilter"

Document = dict[str, Any]


class RecordingFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Keeps one document for each time it is run."""

    #: Read and emptied by the test: Nova makes a filter anew as it likes.
    runs: ClassVar[list[Document]] = []

    RUN_ON_REBUILD = True

    def filter_all(
        self, filter_obj_list: Sequence[Any], spec_obj: Any
    ) -> Iterator[Any]:
        """Record the request and its hosts, and pass all of them."""
        hosts = list(filter_obj_list)
        known = sorted(map(_host, hosts), key=lambda host: str(host["host"]))
        self.runs.append({"request": _request(spec_obj), "hosts": known})
        return iter(hosts)


def _request(spec: Any) -> Document:
    # Asked before anything is read: reading a field sets it.
    unset = [
        name
        for name in ("requested_networks", "network_metadata", "pci_requests")
        if not spec.obj_attr_is_set(name)
    ]
    pci_requests = spec.pci_requests
    return {
        "unset": unset,
        "instance_uuid": spec.instance_uuid,
        "num_instances": spec.num_instances,
        "scheduler_hints": dict(spec.scheduler_hints or {}),
        "requested_networks": [
            _fields(network) for network in spec.requested_networks.objects
        ],
        "network_metadata": _fields(spec.network_metadata),
        "pci_requests": [
            _fields(request)
            for request in (pci_requests.requests if pci_requests else ())
        ],
        "cached_vnic_types": _cached_vnic_types(spec.instance_uuid),
    }


def _fields(record: Any) -> Document:
    """Give the fields that are set and not None, as JSON knows them."""
    plain = {
        name: getattr(record, name)
        for name in sorted(record.fields)
        if record.obj_attr_is_set(name)
    }
    return {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in plain.items()
        if value is not None
    }


def _cached_vnic_types(instance_uuid: str) -> dict[str, str] | None:
    """Look the instance's ports up as a filter can: the scheduler has a DB.

    :returns: vnic_type by port, or None for an instance without a cell.
    """
    admin = context.get_admin_context()
    try:
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            admin, instance_uuid
        )
    except exception.InstanceMappingNotFound:
        return None
    if mapping.cell_mapping is None:
        return None
    with context.target_cell(admin, mapping.cell_mapping) as in_cell:
        cache = objects.InstanceInfoCache.get_by_instance_uuid(
            in_cell, instance_uuid
        )
    return {vif["id"]: vif["vnic_type"] for vif in cache.network_info}


def _host(host_state: Any) -> Document:
    pools = [dict(pool) for pool in host_state.pci_stats.pools]
    return {
        "host": host_state.host,
        "stats": dict(host_state.stats),
        # Of pools with as many keys any may come first.
        "pools": sorted(pools, key=lambda pool: str(pool["dev_type"])),
        "candidates": len(host_state.allocation_candidates),
    }
