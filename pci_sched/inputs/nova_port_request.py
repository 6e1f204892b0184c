# SPDX-License-Identifier: Apache-2.0
"""The request for a device that Nova would make for a port.

When a port is attached to a server, Nova leaves its request out of the
RequestSpec. Whoever schedules the server again and knows the port can have it
from here.
"""

from pci_sched.inputs import nova_nic
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request

#: ``nova.pci.request.DEVICE_TYPE_FOR_VNIC_TYPE``.
_DEV_TYPES = {
    pci_request.VnicType.DIRECT_PHYSICAL: pci_device.DevType.PF,
    pci_request.VnicType.VDPA: pci_device.DevType.VDPA,
}


def make(
    port: pci_request.PortRequest,
    *,
    trusted: bool | None = None,
    numa_policy: pci_request.NumaPolicy = pci_request.NumaPolicy.LEGACY,
) -> pci_request.DeviceRequest | None:
    """Ask for the device of a port as Nova does.

    As ``nova.network.neutron.API.create_resource_requests``: the physical
    network is that of the first segment that has one.

    :param port: The port, whose id names the request.
    :param trusted: What its binding profile says; ``None`` if nothing.
    :param numa_policy: The port's, or that of the flavor or image.
    :returns: ``None`` for a kind of port that needs no device, or whose
        network nobody knows.
    """
    if port.vnic_type not in nova_nic.WITH_DEVICE or port.segments is None:
        return None
    networks = (segment.physical_network for segment in port.segments)
    # Tags are compared as texts, and these are Python's.
    remote = port.vnic_type is pci_request.VnicType.REMOTE_MANAGED
    spec: dict[str, pci_device.TagValue] = {
        pci_device.PHYSICAL_NETWORK: next(filter(None, networks), None),
        "remote_managed": str(remote),
    }
    if port.vnic_type in _DEV_TYPES:
        spec["dev_type"] = _DEV_TYPES[port.vnic_type].value
    if trusted is not None:
        spec["trusted"] = str(trusted)
    return pci_request.DeviceRequest(
        request_id=f"port-{port.port_id}",
        specs=(tuple(sorted(spec.items())),),
        numa_policy=numa_policy,
        port_id=port.port_id,
    )
