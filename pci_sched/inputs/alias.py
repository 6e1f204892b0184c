# SPDX-License-Identifier: Apache-2.0
"""The option ``[pci]alias``: the devices a flavor can ask for by a name.

Nova reads it in ``nova.pci.request.get_alias_from_config``. Values that share
a name are alternatives: a device of any of them will do.
"""

from collections.abc import Sequence
import dataclasses

from pci_sched import exception
from pci_sched.inputs import alias_reader, option_value
from pci_sched.model import device as pci_device

#: Where the values come from, for messages.
OPTION = "[pci]alias"

#: What one value becomes.
AliasEntry = alias_reader.AliasEntry

_RESOURCE_CLASS = "resource_class"


@dataclasses.dataclass(frozen=True, slots=True)
class Alias:
    """One name and what it stands for, in every value that has the name.

    :ivar specs: What a device must have, one for each value: the specs of
        an ``InstancePCIRequest``.
    :ivar positions: Where the values stand.
    """

    name: str
    numa_policy: str
    specs: tuple[pci_device.Tags, ...]
    positions: tuple[str, ...]


def parse(
    texts: Sequence[str], *, pci_in_placement: bool = False
) -> tuple[Alias, ...]:
    """Read the option as Nova does.

    The first value that Nova would not take is raised as
    :class:`exception.AliasInvalid`.

    :param texts: The values in their order, each a JSON object.
    :param pci_in_placement: The option
        ``[filter_scheduler]pci_in_placement``.
    :returns: The aliases in the order of their first value.
    """
    entries: dict[str, list[AliasEntry]] = {}
    for result in parse_each(texts, pci_in_placement=pci_in_placement):
        entry = _accept(result)
        entries.setdefault(entry.name, []).append(entry)
    return tuple(_join(values) for values in entries.values())


def parse_each(
    texts: Sequence[str], *, pci_in_placement: bool = False
) -> list[AliasEntry | exception.AliasInvalid]:
    """Read the option and keep going, so that every mistake is found.

    A value is compared with the first of its name that can be read.

    :param texts: The values in their order, each a JSON object.
    :param pci_in_placement: The option
        ``[filter_scheduler]pci_in_placement``.
    :returns: For each value what it says, or what is wrong with it.
    """
    results: list[AliasEntry | exception.AliasInvalid] = []
    first_of: dict[str, AliasEntry] = {}
    for number, text in enumerate(texts):
        try:
            entry = alias_reader.read(f"{OPTION}[{number}]", text)
            first = first_of.setdefault(entry.name, entry)
            _check_ids(entry, pci_in_placement=pci_in_placement)
            if first is not entry:
                _check_same(entry, first, pci_in_placement=pci_in_placement)
        except exception.AliasInvalid as err:
            results.append(err)
        else:
            results.append(entry)
    return results


def _accept(result: AliasEntry | exception.AliasInvalid) -> AliasEntry:
    """Raise what is an error."""
    if isinstance(result, exception.AliasInvalid):
        raise result
    return result


def _join(entries: Sequence[AliasEntry]) -> Alias:
    """Put the values of one name together."""
    return Alias(
        entries[0].name,
        entries[0].numa_policy,
        tuple(entry.spec for entry in entries),
        tuple(entry.position for entry in entries),
    )


def _check_ids(entry: AliasEntry, *, pci_in_placement: bool) -> None:
    """Refuse a value that does not say which devices it means."""
    keys = {key for key, _ in entry.spec}
    if keys >= {"vendor_id", "product_id"}:
        return
    if not pci_in_placement:
        allowed = "vendor_id and product_id"
    elif _RESOURCE_CLASS not in keys:
        allowed = "vendor_id and product_id, or resource_class"
    else:
        return
    raise exception.AliasInvalid(
        entry.position,
        "",
        option_value.cut(entry.text),
        "does not say which devices",
        allowed,
    )


def _check_same(
    entry: AliasEntry, first: AliasEntry, *, pci_in_placement: bool
) -> None:
    """Refuse a value that cannot be an alternative to the first."""
    if pci_in_placement:
        raise exception.AliasInvalid(
            entry.position,
            "name",
            option_value.show(entry.name),
            f"is the name of {first.position} already",
            "one value of a name while [filter_scheduler]pci_in_placement is"
            " on; several device_spec may share a resource_class",
        )
    if entry.numa_policy != first.numa_policy:
        raise exception.AliasInvalid(
            entry.position,
            "numa_policy",
            option_value.show(entry.numa_policy),
            f"is not that of {first.position}, which has the same name",
            option_value.show(first.numa_policy),
        )
    _check_device_type(entry, first)


def _check_device_type(entry: AliasEntry, first: AliasEntry) -> None:
    """Refuse a value of another device_type, and two values of none.

    To the latter Nova says no more than "'dev_type'", though it would take
    each of the two alone.
    """
    types = (entry.device_type, first.device_type)
    if None not in types and len(set(types)) == 1:
        return
    problem = (
        "is not that of" if None not in types else "is needed here and in"
    )
    raise exception.AliasInvalid(
        entry.position,
        "device_type",
        option_value.show(entry.device_type),
        f"{problem} {first.position}, which has the same name",
        option_value.show(first.device_type)
        if first.device_type
        else "the same device_type in all values of a name",
    )
