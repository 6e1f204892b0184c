# SPDX-License-Identifier: Apache-2.0
"""What stands around a resource tracker and is not real."""

from collections.abc import Callable, Mapping
import json
from typing import Any, Final
import uuid

from nova import exception as nova_exception
from nova import objects

HOSTS: Final = ("a", "b")

#: The PFs of each host, and their VFs.
CARDS: Final[Mapping[str, list[str]]] = {
    f"0000:81:{slot:02x}.0": [f"0000:81:{slot:02x}.{vf}" for vf in range(1, 5)]
    for slot in (0, 1)
}
#: The network devices of the PFs.
NETDEVS: Final = {pf: f"ens{slot}" for slot, pf in enumerate(CARDS)}
#: Devices of each host that are none of the above.
ALONE: Final = ("0000:41:00.0", "0000:42:00.0", "0000:43:00.0")

_NETWORK: Final = "physnet1"
_PF, _VF = (
    {"vendor_id": "8086", "product_id": each} for each in ("10c9", "10ca")
)
_ALONE: Final = {"vendor_id": "10de", "product_id": "1db4"}

PCI_OPTIONS: Final[Mapping[str, list[str]]] = {
    "device_spec": [
        json.dumps({**_PF, "physical_network": _NETWORK}),
        json.dumps({**_VF, "physical_network": _NETWORK}),
        json.dumps(_ALONE),
    ],
    "alias": [
        json.dumps({**_VF, "name": "vf", "device_type": "type-VF"}),
        json.dumps({**_ALONE, "name": "gpu", "device_type": "type-PCI"}),
    ],
}

#: What ports ask for, by their vnic types.
_SPECS: Final[Mapping[str, Mapping[str, str]]] = {
    "direct": {"physical_network": _NETWORK, "remote_managed": "False"},
    "direct-physical": {"physical_network": _NETWORK, "dev_type": "type-PF"},
}


class Placement:
    """A report client that knows of nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_args, **_kwargs: None


class Driver:
    """A driver that reports devices, and has no guests.

    :ivar trouble: What attaching an interface raises, if anything.
    """

    capabilities: Final = {"supports_attach_interface": True}

    def __init__(self, name: str, gone: Callable[[], set[str]]) -> None:
        self._gone = gone
        self._name = name
        self.trouble: Exception | None = None

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        gone = self._gone()
        alone = [each for each in ALONE if each not in gone]
        devices = [_device(each, "type-PCI", _ALONE) for each in alone]
        for pf, vfs in CARDS.items():
            devices.append(_device(pf, "type-PF", _PF))
            devices += [_device(vf, "type-VF", _VF, pf) for vf in vfs]
        return {
            "hypervisor_hostname": nodename,
            "hypervisor_type": "fake",
            "hypervisor_version": 1,
            "uuid": node_uuid(self._name),
            "cpu_info": "",
            "numa_topology": None,
            "pci_passthrough_devices": json.dumps(devices),
            **{
                name + used: 0 if used else 1024
                for name in ("vcpus", "memory_mb", "local_gb")
                for used in ("", "_used")
            },
        }

    def node_is_available(self, nodename: str) -> bool:
        return nodename == self._name

    def get_host_ip_addr(self) -> str:
        return "192.0.2.1"

    def network_binding_host_id(self, _context: Any, instance: Any) -> Any:
        return instance.host

    def attach_interface(self, *_args: Any) -> None:
        if self.trouble:
            raise self.trouble


class Neutron:
    """Ports that ask for devices.

    :ivar trouble: What binding a port raises, if anything.
    :ivar meanwhile: Called when a port is bound.
    """

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.vnic_types: dict[str, str] = {}

    def create_resource_requests(
        self, _context: Any, networks: Any, requests: Any, **_options: Any
    ) -> tuple[None, list[Any], None]:
        for each in networks:
            requests.requests.append(
                port_request(self.vnic_types[each.port_id], each.port_id)
            )
        return None, [], None

    def allocate_for_instance(
        self, _context: Any, _instance: Any, networks: Any, **_options: Any
    ) -> list[dict[str, str]]:
        self.meanwhile()
        if self.trouble:
            raise self.trouble
        return [{"id": each.port_id} for each in networks]

    def deallocate_port_for_instance(
        self, *_args: Any
    ) -> tuple[None, Mapping[str, Any]]:
        return None, {}


class Silence:
    """A notifier that tells nobody."""

    def is_enabled(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_args, **_kwargs: self


def node_uuid(host: str) -> str:
    """Give the UUID of the compute node of a host."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, host))


def port_request(vnic_type: str, port_id: str) -> Any:
    """Make what Nova makes of a port with a device."""
    return objects.InstancePCIRequest(
        count=1,
        spec=[dict(_SPECS[vnic_type])],
        request_id=str(uuid.uuid4()),
        requester_id=port_id,
        alias_name=None,
        numa_policy=None,
    )


def flavor(**specs: str) -> Any:
    """Make a flavor; ``__`` in a name stands for a colon."""
    return objects.Flavor(
        id=1,
        flavorid="1",
        name="f",
        memory_mb=1,
        vcpus=1,
        root_gb=0,
        ephemeral_gb=0,
        swap=0,
        rxtx_factor=1.0,
        vcpu_weight=0,
        disabled=False,
        is_public=True,
        description=None,
        extra_specs={
            name.replace("__", ":"): value for name, value in specs.items()
        },
    )


def port_trouble() -> Exception:
    """Make what Neutron raises if nobody binds a port."""
    made: Exception = nova_exception.PortBindingFailed(port_id="port")
    return made


def driver_trouble() -> Exception:
    """Make what a driver raises if it cannot attach an interface."""
    made: Exception = nova_exception.NovaException("not attached")
    return made


def _device(
    address: str,
    dev_type: str,
    product: Mapping[str, str],
    parent: str | None = None,
) -> dict[str, Any]:
    """What the driver says of a device."""
    return {
        **product,
        "dev_id": "pci_" + address.replace(":", "_").replace(".", "_"),
        "label": f"label_{product['vendor_id']}_{product['product_id']}",
        "address": address,
        "dev_type": dev_type,
        "numa_node": None,
        **({"parent_addr": parent} if parent else {}),
    }
