# SPDX-License-Identifier: Apache-2.0
"""The links of a compute's PFs: which are bad, and what is different now.

Nothing of nova is imported: its objects are given.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import functools
from typing import Any, NamedTuple

from oslo_config import cfg

from pci_sched.inputs import link_policy
from pci_sched.model import address as pci_address
from pci_sched.model import device as pci_device
from pci_sched.nova import spec_rows
from pci_sched.nova.compute import watch
from pci_sched.pools import link_mark
from pci_sched.topology import health
from pci_sched.topology import links as topology_links

_Address = pci_address.PciAddress

_HELD = frozenset(
    {pci_device.DeviceStatus.CLAIMED, pci_device.DeviceStatus.ALLOCATED}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What an operator chose.

    :ivar rules: When a link is good again.
    :ivar policies: What becomes of devices while it is not.
    """

    rules: health.Rules = health.Rules()  # noqa: RUF009 - frozen
    policies: link_policy.LinkPolicies = link_policy.LinkPolicies()  # noqa: RUF009


def read(conf: cfg.ConfigOpts) -> Options:
    """Read the options as they are now.

    :param conf: With the options registered.
    :returns: The same object as long as nothing changes.
    :raises ValueError: If the policies make no sense.
    """
    group = conf.pci_sched
    return _options(
        group.link_hold_down,
        group.link_flap_count,
        group.link_flap_window,
        tuple(group.link_policies),
    )


@functools.lru_cache(maxsize=4)
def _options(
    hold_down: int, count: int, window: int, policies: tuple[str, ...]
) -> Options:
    rules = health.Rules(hold_down, count, window)
    return Options(rules, link_policy.parse(policies))


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """What the pools of a host have to say of links.

    :ivar bad: The PFs whose link is bad, as Nova writes addresses.
    :ivar policies: What becomes of the devices behind them.
    """

    bad: Mapping[str, health.State] = dataclasses.field(default_factory=dict)
    policies: link_policy.LinkPolicies = link_policy.LinkPolicies()  # noqa: RUF009

    def of(
        self, root: object, physical_network: object
    ) -> link_mark.LinkMark | None:
        """Give the mark of a pool.

        :param root: The PF of its devices, or the PF that it is of.
        :param physical_network: Its tag; ``None`` for none.
        :returns: ``None`` if there is nothing to say.
        """
        state = self.bad.get(str(root))
        if state is None:
            return None
        return link_mark.read(f"{self.policies.of(physical_network)}:{state}")


class Standing(NamedTuple):
    """How a PF does.

    :ivar name: Of its network device; "" if it has never been seen.
    :ivar is_carried: Whether its link is bad, and another port of its VF-LAG
        serves its VFs.
    :ivar is_there: Whether the newest look showed the PF.
    """

    health: health.Health
    name: str = ""
    is_carried: bool = False
    is_there: bool = True

    @property
    def is_bad(self) -> bool:
        """Whether devices behind it may be cut off."""
        return not (self.health.is_good or self.is_carried)


@dataclasses.dataclass(frozen=True, slots=True)
class Links:
    """What is held of all links after some looks.

    :ivar at_s: When the newest look began.
    :ivar pfs: By the address of the PF, each that was ever seen.
    :ivar bad: Those that are bad, as Nova writes addresses.
    """

    at_s: float | None = None
    pfs: Mapping[_Address, Standing] = dataclasses.field(default_factory=dict)
    bad: Mapping[str, health.State] = dataclasses.field(default_factory=dict)


def follow(links: Links, look: watch.Look, rules: health.Rules) -> Links:
    """Judge all links after another look.

    :param links: As they were judged before.
    :param look: The newest one; if it is that of before, nobody knows more.
    :param rules: When a link is good again.
    :returns: As they are judged now.
    """
    at_s = look.at_s
    if look.host is None or at_s is None:
        return links
    if links.at_s is not None and at_s <= links.at_s:
        return links
    seen = {
        device.address: device
        for device in look.host.devices
        if device.dev_type is pci_device.DevType.PF
    }
    pfs = {
        address: _stand(links.pfs.get(address), seen.get(address), at_s, rules)
        for address in (*seen, *(links.pfs.keys() - seen.keys()))
    }
    own = {each for each in seen if not pfs[each].health.is_good}
    for address in own - topology_links.cut_off(seen.values(), own):
        pfs[address] = pfs[address]._replace(is_carried=True)
    bad = {
        str(address): each.health.state
        for address, each in pfs.items()
        if each.is_bad
    }
    return Links(at_s, pfs, bad)


def _stand(
    before: Standing | None,
    device: pci_device.Device | None,
    at_s: float,
    rules: health.Rules,
) -> Standing:
    """Judge the own link of a PF."""
    netdev = device.netdev if device else None
    glimpse = health.Glimpse(
        at_s,
        netdev.link if netdev else None,
        netdev.carrier_changes if netdev else None,
    )
    name = netdev.name if netdev else ""
    if before is None:
        return Standing(health.begin(glimpse), name)
    judged = health.follow(before.health, glimpse, rules)
    return Standing(judged, name or before.name, is_there=device is not None)


class News(NamedTuple):
    """That a link is judged otherwise than before.

    :ivar pf: Whose link.
    :ivar now: How the PF does now.
    """

    pf: _Address
    now: Standing

    @property
    def is_good(self) -> bool:
        """Whether it is good news."""
        return not self.now.is_bad


def news(before: Links, after: Links) -> Iterator[News]:
    """Tell what is different between two judgements, each thing once.

    A PF that vanished, or that an instance has been given while its link was
    good, is no news of a link.

    :param before: The judgement before.
    :param after: The judgement now.
    :yields: What a person should know of, by the addresses of the PFs.
    """
    for address in sorted(after.pfs):
        was, now = before.pfs.get(address), after.pfs[address]
        was_good = was is None or was.health.is_good
        if not now.is_there or (was_good and now.health.is_good):
            continue
        if was is None or _view(was) != _view(now):
            yield News(address, now)


def _view(standing: Standing) -> tuple[health.State, bool]:
    return standing.health.state, standing.is_carried


class Behind(NamedTuple):
    """What hangs on a link, as far as Nova tracks it.

    :ivar is_any: Whether there is anything.
    :ivar networks: The physical networks of the devices, sorted; ``None``
        for devices on none.
    :ivar holders: The instances that have such a device, sorted.
    """

    is_any: bool
    networks: tuple[str | None, ...]
    holders: tuple[str, ...]


def behind(devices: Iterable[Any], dev_filter: Any, pf: _Address) -> Behind:
    """Tell what hangs on a link.

    :param devices: ``nova.objects.PciDevice``, of any status.
    :param dev_filter: ``nova.pci.whitelist.Whitelist``: knows the tags.
    :param pf: The PF that the link is of.
    :returns: What of the devices is the PF or of it.
    """
    root = str(pf)
    family = [
        each
        for each in devices
        if root in (each.address, spec_rows.get(each, "parent_addr"))
    ]
    specs = filter(None, map(dev_filter.get_devspec, family))
    tags = [spec.get_tags().get(pci_device.PHYSICAL_NETWORK) for spec in specs]
    networks = {None if each is None else str(each) for each in tags}
    holders = {
        spec_rows.get(each, "instance_uuid")
        for each in family
        if each.status in _HELD
    }
    return Behind(
        bool(family),
        tuple(sorted(networks, key=lambda name: (name is not None, name))),
        tuple(sorted(filter(None, holders))),
    )
