# SPDX-License-Identifier: Apache-2.0
"""What a person is told of hardware that changed: what, where, what to do."""

from collections.abc import Iterator, Mapping
import enum
from typing import Final, NamedTuple

from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device

#: Why a device that is not there is missing.
VANISHED: Final = "it vanished"

#: How many addresses a sentence names.
_SHOWN: Final = 3

_Address = pci_address.PciAddress


class Became(enum.StrEnum):
    """What became of a device, in the order in which it is told."""

    GONE = "gone"
    OTHER = "other"
    BACK = "back"
    NEW = "new"


class Family(NamedTuple):
    """A PF and its VFs, or one plain function: what changed of them.

    :ivar members: The addresses by what became of them, sorted.
    :ivar why: Why the first of those that are other ones is one.
    :ivar is_pf: Whether the head is a PF, as far as it is known.
    :ivar counts: How many VFs it had and has.
    :ivar driver: Of the head now; "" for none.
    """

    root: _Address
    members: Mapping[Became, tuple[_Address, ...]] = {}
    why: str = ""
    is_pf: bool = True
    counts: tuple[int, int] = (0, 0)
    driver: str = ""

    def plus(
        self,
        became: Became,
        address: _Address,
        dev_type: pci_device.DevType,
        why: str,
    ) -> "Family":
        """Add one device.

        :param became: What became of it.
        :param address: Of it.
        :param dev_type: Of it.
        :param why: Why it is missing; "" if it is not.
        :returns: The family with it.
        """
        mine = (*self.members.get(became, ()), address)
        is_head = address == self.root
        return self._replace(
            members={**self.members, became: mine},
            why=self.why or (why if became is Became.OTHER else ""),
            is_pf=dev_type is pci_device.DevType.PF if is_head else self.is_pf,
        )


def of_family(family: Family) -> Iterator[str]:
    """Say what became of a PF and its VFs, in one sentence.

    :param family: What changed.
    :yields: The sentence, if anything did.
    """
    had, has = family.counts
    is_recounted = had != has
    clauses = [
        _clause(family, became, is_named=is_recounted)
        for became in Became
        if became in family.members
    ]
    if is_recounted:
        lead = f"PF {family.root} had {had} VFs and has {has}"
        if had and has:
            lead += " (all were made anew: restart the instances that had any)"
        clauses = [": ".join(filter(None, [lead, "; ".join(clauses)]))]
    if clauses:
        yield "; ".join(clauses)


def _clause(family: Family, became: Became, *, is_named: bool) -> str:
    addresses = family.members[became]
    names = _names(family, addresses, is_named=is_named)
    verb = "is" if len(addresses) == 1 else "are"
    return f"{names} {verb} {_ENDS[became](family)}"


def _gone(family: Family) -> str:
    text = "gone and not given to any instance until seen again"
    if (
        "vfio" in family.driver
        and family.root not in (family.members[Became.GONE])
    ):
        text += f"; the PF has driver {family.driver}, as one that is in use"
    return text


def _other(family: Family) -> str:
    return (
        f"not what was there before ({family.why}) and not given to any"
        " instance; put the old card back, or restart nova-compute to take it"
        " as it is"
    )


def _back(_: Family) -> str:
    return "back as before and may be given to instances again"


def _new(_: Family) -> str:
    return "new; nova-compute takes notice of new devices when it is restarted"


_ENDS: Final = {
    Became.GONE: _gone,
    Became.OTHER: _other,
    Became.BACK: _back,
    Became.NEW: _new,
}


def _names(
    family: Family, addresses: tuple[_Address, ...], *, is_named: bool
) -> str:
    """Name some devices of a family.

    :param family: Theirs.
    :param addresses: At least one.
    :param is_named: Whether the sentence has named the PF already.
    :returns: Their kinds, their number and the first few addresses.
    """
    head = f"{'PF' if family.is_pf else 'device'} {family.root}"
    children = [str(each) for each in addresses if each != family.root]
    if not children:
        return head
    shown = ", ".join(children[:_SHOWN])
    dots = ", …" if len(children) > _SHOWN else ""
    plural = "" if len(children) == 1 else "s"
    text = f"{len(children)} VF{plural}"
    if family.root in addresses:
        return f"{head} with {text} ({shown}{dots})"
    return f"{text}{'' if is_named else f' of {head}'} ({shown}{dots})"


def of_name(root: _Address, was: str, now: str) -> Iterator[str]:
    """Say that the network device of a PF got another name.

    :param root: The PF.
    :param was: How it was called; "" if it was not known.
    :param now: How it is called.
    :yields: The sentence, if it did.
    """
    if was and was != now:
        yield (
            f"the network device of PF {root} was {was} and is {now}; correct"
            " what names it: devname in [pci]device_spec, mappings of agents"
        )
