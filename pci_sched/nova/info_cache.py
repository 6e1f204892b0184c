# SPDX-License-Identifier: Apache-2.0
"""The ports of an instance that is there already, from Nova's own database.

Each instance has a cache of what Neutron said of its ports. It has what a
RequestSpec lacks: the vnic_type and the profile of each, also of those that
were attached later.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pci_sched.inputs import neutron_lists, neutron_profile, nova_spread


class CachedPort(NamedTuple):
    """One port of the cache.

    :ivar detail: What decides where it can be wired.
    :ivar physical_network: Of the first segment of its network that has one.
    :ivar tunneled: Whether no segment has one; ``None`` if nobody knows.
    """

    port_id: str
    detail: neutron_lists.PortDetail
    physical_network: str | None = None
    tunneled: bool | None = None


def fetch(spec: Any) -> tuple[CachedPort, ...] | None:
    """Read the cache of the instance that is scheduled.

    :param spec: ``nova.objects.RequestSpec``.
    :returns: Its ports; ``None`` if the instance is in no cell yet, as while
        it is created. Any error of Nova's database is raised.
    """
    # Nova takes a second to import, and is not there when this is tested.
    from nova import context as nova_context
    from nova import exception, objects

    context = nova_context.get_admin_context()
    uuid = spec.instance_uuid
    try:
        mapping = objects.InstanceMapping.get_by_instance_uuid(context, uuid)
    except exception.InstanceMappingNotFound:
        return None
    if mapping.cell_mapping is None:
        return None
    with nova_context.target_cell(context, mapping.cell_mapping) as cell:
        cache = objects.InstanceInfoCache.get_by_instance_uuid(cell, uuid)
    if cache.network_info is None:
        return None
    return read_vifs(cache.network_info)


def read_vifs(
    network_info: Iterable[Mapping[str, Any]],
) -> tuple[CachedPort, ...]:
    """Read ``nova.network.model.NetworkInfo``.

    :param network_info: Its VIFs, each a dictionary.
    :returns: The ports, in their order.
    """
    return tuple(_read_vif(vif) for vif in network_info)


def _read_vif(vif: Mapping[str, Any]) -> CachedPort:
    network = vif.get("network") or {}
    meta = network.get("meta") or {}
    profile = vif.get("profile")
    return CachedPort(
        port_id=vif["id"],
        detail=neutron_lists.PortDetail(
            network_id=network.get("id"),
            vnic_type=vif.get("vnic_type"),
            capabilities=neutron_profile.read_capabilities(profile),
            trusted=neutron_profile.read_trusted(profile),
            spread=nova_spread.of_profile(profile),
        ),
        physical_network=meta.get("physical_network"),
        tunneled=meta.get("tunneled"),
    )
