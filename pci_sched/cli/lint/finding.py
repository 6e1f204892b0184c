# SPDX-License-Identifier: Apache-2.0
"""One finding: a code for a machine, words for a person."""

from collections.abc import Collection
import dataclasses
import enum

from pci_sched.model import device as pci_device

_SHOWN = 3


class Code(enum.StrEnum):
    """Every kind of finding; the command's reference explains each."""

    #: Nova does not take the entry: nova-compute would not start.
    SPEC_INVALID = "SPEC_INVALID"
    #: The entry selects no device of the host.
    SPEC_MATCHES_NOTHING = "SPEC_MATCHES_NOTHING"
    #: Earlier entries take devices away from this one.
    SPEC_SHADOWED = "SPEC_SHADOWED"
    #: A PF and VFs of its own are both assignable.
    PF_AND_VF_ASSIGNABLE = "PF_AND_VF_ASSIGNABLE"
    #: The entry names a device by a name that a rename would lose.
    DEVNAME_FRAGILE = "DEVNAME_FRAGILE"
    #: An address field matches a beginning, and more devices than it names.
    ADDRESS_PREFIX = "ADDRESS_PREFIX"
    #: Two physical networks differ in nothing but case.
    PHYSNET_CASE = "PHYSNET_CASE"
    #: The entry makes a PF remote-managed.
    REMOTE_MANAGED_ON_PF = "REMOTE_MANAGED_ON_PF"
    #: A remote-managed entry would match devices whose card has no serial
    #: number, or none that could be read.
    REMOTE_MANAGED_NO_SERIAL = "REMOTE_MANAGED_NO_SERIAL"
    #: A tag is a JSON boolean or number, not a text.
    TAG_NOT_STRING = "TAG_NOT_STRING"
    #: No port can ever ask for this value of a tag.
    TAG_NEVER_MATCHES = "TAG_NEVER_MATCHES"
    #: A key that Nova does not know; it becomes a tag.
    TAG_UNKNOWN = "TAG_UNKNOWN"
    #: A VF without a physical network can be given to a tunnelled port.
    UNTAGGED_VF_TUNNEL = "UNTAGGED_VF_TUNNEL"
    #: Nova does not take the alias.
    ALIAS_INVALID = "ALIAS_INVALID"
    #: No assignable device of the host serves any value of the alias.
    ALIAS_MATCHES_NOTHING = "ALIAS_MATCHES_NOTHING"
    #: Devices have the ids that the alias asks for, but none the type.
    ALIAS_WRONG_TYPE = "ALIAS_WRONG_TYPE"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong or fragile, where, and what would be right."""

    code: Code
    #: ``[pci]device_spec[2]``, an address, or a network's name.
    where: str
    message: str
    advice: str


def name_devices(
    devices: Collection[pci_device.Device], noun: str = "device"
) -> str:
    """Name some devices in a message.

    :param devices: At least one, in their order.
    :param noun: What they are, in the singular.
    :returns: Their number and the first few addresses.
    """
    addresses = [str(device.address) for device in devices]
    shown = ", ".join(addresses[:_SHOWN])
    dots = ", …" if len(addresses) > _SHOWN else ""
    plural = "" if len(addresses) == 1 else "s"
    return f"{len(addresses)} {noun}{plural} ({shown}{dots})"
