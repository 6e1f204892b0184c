# SPDX-License-Identifier: Apache-2.0
"""Reading one entry of ``[pci]device_spec`` on a host.

The rules are those of ``nova.pci.devspec.PciDeviceSpec`` and
``WhitelistPciAddress``. A number as an id or devname, of which Nova dies
or which it takes for something else, is refused; a devname or address of null
is none.
"""

from collections.abc import Mapping

from pci_sched import exception
from pci_sched.inputs import (
    address_reader,
    address_spec,
    device_spec_entry,
    device_spec_facts,
    device_spec_tags,
    option_value,
)
from pci_sched.model import device as pci_device

VENDOR_ID = "vendor_id"
PRODUCT_ID = "product_id"
DEVNAME = "devname"
ADDRESS = "address"

#: The keys that select devices; every other key is a tag.
SELECTING = frozenset((VENDOR_ID, PRODUCT_ID, DEVNAME, ADDRESS))

_MAX_ID = 0xFFFF
_ID_ALLOWED = 'a text with a hex number up to ffff, or "*"'
_REMOTE_MANAGED_ALLOWED = (
    "yes for devices that are no PF; with the address or devname of a PF the"
    " product_id must be that of its VFs"
)


def read(
    position: str, entry: object, facts: device_spec_facts.Facts
) -> device_spec_entry.DeviceSpec:
    """Read one entry; it is not changed.

    :param position: Of the entry, for messages.
    :param entry: From JSON.
    :param facts: Of the host.
    :returns: The entry as a value.
    :raises exception.SpecInvalid: If Nova would not take it, or die of it.
    """
    if not isinstance(entry, dict):
        raise exception.SpecInvalid(
            position, "", option_value.show(entry), "is no object", "an object"
        )
    devname = _read_devname(position, entry)
    address = _read_address(position, entry, devname, facts)
    pf = facts.find_pf(address.spelled if address else None)
    tags = device_spec_tags.read(
        position,
        {key: entry[key] for key in entry if key not in SELECTING},
        report_in_placement=facts.report_in_placement,
    )
    spec = device_spec_entry.DeviceSpec(
        position=position,
        vendor_id=_read_id(position, VENDOR_ID, entry),
        product_id=_read_id(position, PRODUCT_ID, entry),
        devname=devname,
        address=address,
        covers_vfs=pf is not None,
        tags=tags,
        remote_managed=device_spec_tags.is_remote_managed(tags),
        text=option_value.write(entry),
    )
    if spec.remote_managed:
        _check_remote_managed(spec, pf)
    return spec


def _read_id(
    position: str, key: str, entry: Mapping[str, object]
) -> str | None:
    """Read a vendor or product id; blanks round a ``*`` only of a vendor."""
    value = entry.get(key, address_reader.ANY)
    field = address_spec.HexField(key, 4, _MAX_ID)
    if not isinstance(value, str):
        problem = "is no text"
    else:
        try:
            return address_reader.read_hex(
                field, value.strip() if key == VENDOR_ID else value
            )
        except ValueError as err:
            problem = str(err)
    raise exception.SpecInvalid(
        position, key, option_value.show(value), problem, _ID_ALLOWED
    )


def _read_devname(position: str, entry: Mapping[str, object]) -> str | None:
    """Read the name of a network device; an empty one is none."""
    value = entry.get(DEVNAME)
    if value is not None and not isinstance(value, str):
        raise exception.SpecInvalid(
            position,
            DEVNAME,
            option_value.show(value),
            "is no text",
            "the name of a network device, like eth0",
        )
    if value and address_reader.is_given(entry.get(ADDRESS)):
        raise exception.SpecInvalid(
            position,
            DEVNAME,
            option_value.show(value),
            "stands beside an address",
            "either a devname or an address",
        )
    return value or None


def _read_address(
    position: str,
    entry: Mapping[str, object],
    devname: str | None,
    facts: device_spec_facts.Facts,
) -> address_spec.AddressSpec | None:
    """Read the address, or look up the one that a devname has."""
    if devname is None:
        return address_reader.parse(position, entry.get(ADDRESS))
    device = facts.by_netdev.get(devname)
    if device is None:
        return None
    if device.address.ignored_by_nova:
        raise exception.SpecInvalid(
            position,
            DEVNAME,
            option_value.show(devname),
            f"is the function {device.address}",
            "functions of a domain up to ffff",
        )
    return address_spec.of_function(device.address)


def _check_remote_managed(
    spec: device_spec_entry.DeviceSpec, pf: pci_device.Device | None
) -> None:
    """Refuse an entry that cannot be remote-managed."""
    problem = _find_remote_managed_problem(spec, pf)
    if problem is not None:
        raise exception.SpecInvalid(
            spec.position,
            device_spec_tags.REMOTE_MANAGED,
            option_value.show(
                dict(spec.tags)[device_spec_tags.REMOTE_MANAGED]
            ),
            problem,
            _REMOTE_MANAGED_ALLOWED,
        )


def _find_remote_managed_problem(
    spec: device_spec_entry.DeviceSpec, pf: pci_device.Device | None
) -> str | None:
    """Say why an entry cannot be remote-managed; PFs never are.

    Nova means to follow this rule and dies instead when an address names a
    PF: only a devname's address object has a ``__str__``, and the file
    ``product`` that ``nova.pci.utils.get_pci_ids_by_pci_addr`` reads is not
    in sysfs.
    """
    if spec.address is None:
        return "needs the devname of a function that is there"
    if pf is None:
        return None
    if not pf.vf_product_id:
        return f"the product_id of the VFs of {pf.address} is not known"
    vendor_fits = spec.vendor_id in (None, pf.vendor_id)
    if vendor_fits and spec.product_id == pf.vf_product_id:
        return None
    if vendor_fits and spec.product_id in (None, pf.product_id):
        return f"{pf.address} is a PF"
    return f"neither {pf.address} nor its VFs have these ids"
