# SPDX-License-Identifier: Apache-2.0
"""Which devices of a host a person wants to see."""

import argparse
import dataclasses

from pci_sched import exception
from pci_sched.cli import facts
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.pools import key as pool_key

_STATES = (*(status.value for status in pci_device.DeviceStatus), "unknown")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that narrow what is shown.

    :param parser: The verb's parser.
    """
    group = parser.add_argument_group("selection")
    group.add_argument(
        "--all",
        action="store_true",
        help="every PCI function; by default those that the device_spec"
        " selects or, without one, SR-IOV functions and the classes that"
        " clouds pass through",
    )
    group.add_argument(
        "--physical-network",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only devices of this network, {facts.TUNNELLED!r} for tunnelled"
        " ones (can be repeated)",
    )
    group.add_argument(
        "--pf",
        action="append",
        default=[],
        metavar="PF",
        help="only this physical function and its VFs, by address or by the"
        " name of its network device (can be repeated)",
    )
    group.add_argument(
        "--type",
        action="append",
        default=[],
        choices=[each.value for each in pci_device.DevType],
        help="only devices of this type (can be repeated)",
    )
    group.add_argument(
        "--state",
        action="append",
        default=[],
        choices=_STATES,
        help="only devices in this state; a live tree knows none, there all"
        " are 'unknown' (can be repeated)",
    )


def _find_pf(host: pci_host.Host, text: str) -> pci_address.PciAddress:
    for device in host.devices:
        names = [netdev.name for netdev in device.netdevs or ()]
        # A PF may be known only from its VFs.
        addresses = str(device.address), str(device.root)
        if text in names or text.lower() in addresses:
            return device.root
    raise exception.InputInvalid(
        f"--pf {text}: host {host.name} has no such PCI function or network"
        " device"
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The wishes; an empty set of anything wishes for all."""

    everything: bool
    networks: frozenset[str]
    roots: frozenset[pci_address.PciAddress]
    types: frozenset[str]
    states: frozenset[str]

    @classmethod
    def of(
        cls, parsed_args: argparse.Namespace, host: pci_host.Host
    ) -> "Selection":
        """Take the wishes from the options.

        :param parsed_args: The options of :func:`add_options`.
        :param host: The host that a PF is looked up on.
        :returns: The wishes.
        :raises exception.InputInvalid: If the host has no such PF.
        """
        return cls(
            everything=parsed_args.all,
            networks=frozenset(parsed_args.physical_network),
            roots=frozenset(_find_pf(host, each) for each in parsed_args.pf),
            types=frozenset(parsed_args.type),
            states=frozenset(parsed_args.state),
        )

    def wants(self, device: pci_device.Device) -> bool:
        """Tell whether a device is to be shown.

        :param device: The device.
        :returns: Whether every wish is met.
        """
        wishes = (
            (self.networks, facts.physical_network(device)),
            (self.roots, device.root),
            (self.types, device.dev_type),
            (self.states, device.status or "unknown"),
        )
        return all(not wish or value in wish for wish, value in wishes) and (
            self.everything or pool_key.is_poolable(device)
        )

    def narrow(self, host: pci_host.Host) -> pci_host.Host:
        """Leave out what is not to be shown.

        :param host: The host.
        :returns: The host with the wanted devices only.
        """
        wanted = tuple(filter(self.wants, host.devices))
        return dataclasses.replace(host, devices=wanted)

    def narrow_tree(self, host: pci_host.Host) -> pci_host.Host:
        """Leave out what is not to be shown, but for the way to it.

        :param host: The host.
        :returns: The host with the wanted devices and their PFs.
        """
        wanted = {device.address for device in self.narrow(host).devices}
        wanted |= {
            device.root for device in host.devices if device.address in wanted
        }
        return dataclasses.replace(
            host,
            devices=tuple(
                device for device in host.devices if device.address in wanted
            ),
        )
