# SPDX-License-Identifier: Apache-2.0
"""Nova's own reading of device_spec on a generated host instead of /sys."""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import enum
import types
from typing import Any
from unittest import mock

from nova import exception as nova_exception
from nova.pci import devspec as nova_devspec
from nova.pci import utils as nova_utils
from nova.pci import whitelist as nova_whitelist

from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host

#: What Nova raises when sysfs does not have what it asks for.
NotFoundById = nova_exception.PciDeviceNotFoundById


class Repair(enum.Enum):
    """What of Nova is mended before it is asked."""

    #: Nova as it is released.
    NOTHING = enum.auto()
    #: An address object that names one PF says so in words, and the PF's ids
    #: are found: what the remote_managed rule was written for.
    REMOTE_MANAGED = enum.auto()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What Nova makes of the option: entries, or what it raises."""

    specs: tuple[Any, ...] = ()
    error: Exception | None = None

    @property
    def died(self) -> bool:
        """Whether it is no error that Nova means to raise."""
        return self.error is not None and not isinstance(
            self.error, nova_exception.NovaException
        )


class _Sysfs:
    """The questions Nova asks sysfs, answered from a host."""

    def __init__(self, host: pci_host.Host) -> None:
        self._devices = {
            str(device.address): device for device in host.devices
        }

    def is_physical_function(
        self, domain: str, bus: str, slot: str, function: str
    ) -> bool:
        device = self._devices.get(f"{domain}:{bus}:{slot}.{function}")
        if device is None:
            return False
        if device.sriov_totalvfs is None:
            return device.dev_type is pci_device.DevType.PF
        return device.sriov_totalvfs > 0

    def get_function_by_ifname(self, name: object) -> tuple[str | None, bool]:
        for address, device in self._devices.items():
            if str(name) in (netdev.name for netdev in device.netdevs or ()):
                fields = address.replace(".", ":").split(":")
                return address, self.is_physical_function(*fields)
        return None, False

    def get_vf_product_id_by_pf_addr(self, address: str) -> str:
        device = self._devices.get(address)
        if device is None or device.vf_product_id is None:
            raise nova_exception.PciDeviceNotFoundById(id=address)
        return device.vf_product_id

    def get_pci_ids_by_pci_addr(self, address: str) -> tuple[str, str]:
        device = self._devices[address]
        assert device.vendor_id is not None
        assert device.product_id is not None
        return device.vendor_id, device.product_id

    def has_no_product(self, address: str) -> tuple[str, str]:
        raise nova_exception.PciDeviceNotFoundById(id=address)


def _spell(self: Any) -> str:
    """What ``__str__`` of every address object should say."""
    return f"{self.domain}:{self.bus}:{self.slot}.{self.func}"


@contextlib.contextmanager
def on_host(
    host: pci_host.Host,
    repair: Repair = Repair.REMOTE_MANAGED,
    *,
    report_in_placement: bool = False,
) -> Iterator[None]:
    """Let Nova find a host where it looks into sysfs, and its options."""
    sysfs = _Sysfs(host)
    mended = repair is Repair.REMOTE_MANAGED
    answers = types.SimpleNamespace(
        get_pci_address_fields=nova_utils.get_pci_address_fields,
        is_physical_function=sysfs.is_physical_function,
        get_function_by_ifname=sysfs.get_function_by_ifname,
        get_vf_product_id_by_pf_addr=sysfs.get_vf_product_id_by_pf_addr,
        get_pci_ids_by_pci_addr=sysfs.get_pci_ids_by_pci_addr
        if mended
        else sysfs.has_no_product,
    )
    options = types.SimpleNamespace(
        pci=types.SimpleNamespace(report_in_placement=report_in_placement)
    )
    with contextlib.ExitStack() as stack:
        patch = mock.patch.object
        stack.enter_context(patch(nova_devspec, "utils", answers))
        stack.enter_context(patch(nova_devspec, "CONF", options))
        if mended:
            for kind in ("PciAddressGlobSpec", "PciAddressRegexSpec"):
                stack.enter_context(
                    patch(getattr(nova_devspec, kind), "__str__", _spell)
                )
        yield


def read(texts: Sequence[str]) -> Outcome:
    """Read the option; call it inside :func:`on_host`."""
    try:
        return Outcome(tuple(nova_whitelist.Whitelist(list(texts)).specs))
    except Exception as err:  # noqa: BLE001
        return Outcome(error=err)


def read_entry(entry: dict[str, Any]) -> Any:
    """Read one entry; call it inside :func:`on_host`."""
    return nova_devspec.PciDeviceSpec(entry)


def describe(device: pci_device.Device) -> dict[str, Any]:
    """Write a device as Nova's libvirt driver reports it."""
    described: dict[str, Any] = {
        "address": str(device.address),
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "dev_type": str(device.dev_type),
    }
    if device.parent_addr is not None:
        described["parent_addr"] = str(device.parent_addr)
    if device.card_serial_number:
        described["capabilities"] = {
            "vpd": {"card_serial_number": device.card_serial_number}
        }
    return described


def find(specs: Sequence[Any], device: pci_device.Device) -> int | None:
    """Find the entry that counts for a device, as PciDevTracker does."""
    whitelist = nova_whitelist.Whitelist()
    whitelist.specs = list(specs)
    try:
        spec = whitelist.device_assignable(describe(device))
    except nova_exception.PciConfigInvalidSpec:
        return None
    return None if spec is None else whitelist.specs.index(spec)
