# SPDX-License-Identifier: Apache-2.0
"""Which devices of a server are to be kept apart, and who asks for it.

A flavor asks by two extra specs, ``pci_sched:spread`` and
``pci_sched:spread_policy``; a port by one key of its binding profile; an
operator by an option, for servers with several ports on one physical network.
"""

import collections
from collections.abc import Iterable, Mapping
import dataclasses

from pci_sched.inputs import oddity
from pci_sched.model import device as pci_device
from pci_sched.model import request as pci_request

#: The extra specs of a flavor: a level, and ``hard`` or ``soft``.
LEVEL_SPEC = "pci_sched:spread"
POLICY_SPEC = "pci_sched:spread_policy"

#: The key in a port's ``binding:profile``: as the option.
PROFILE_KEY = "pci_sched_spread"

#: What the option says for "do not".
NONE = "none"

_HARD = "hard"
_SOFT = "soft"

LEVELS = tuple(level.value for level in pci_request.SpreadLevel)
POLICIES = (_HARD, _SOFT)


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """To keep devices apart, at a level, at all costs or if possible.

    :ivar level: ``None`` is to not keep them apart, whoever else asks for it.
    """

    level: pci_request.SpreadLevel | None
    hard: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Asks:
    """All that is said about one server.

    :ivar flavor: What its flavor asks for.
    :ivar ports: What its ports ask for, by their ids.
    :ivar default: What the operator asks for.
    """

    flavor: Ask | None = None
    ports: tuple[tuple[str, Ask], ...] = ()
    default: Ask | None = None

    def apply(
        self, devices: Iterable[pci_request.DeviceRequest]
    ) -> tuple[
        tuple[pci_request.DeviceRequest, ...], tuple[pci_request.Spread, ...]
    ]:
        """Put the devices of the server into groups, see :func:`apply`.

        :param devices: Its requests.
        :returns: The requests with their groups, and the groups.
        """
        return apply(
            devices,
            flavor=self.flavor,
            ports=dict(self.ports),
            default=self.default,
        )


#: Of a server about which nobody says anything.
NOTHING = Asks()


def parse(text: str) -> Ask | None:
    """Read an option.

    :param text: A level such as ``card``, which ``:hard`` or ``:soft`` may
        follow; or ``none``.
    :returns: ``None`` for ``none``.
    :raises ValueError: If it is neither; the message says what is allowed.
    """
    ask = _read(text)
    return None if ask.level is None else ask


def _read(text: str) -> Ask:
    level, _, policy = text.strip().lower().partition(":")
    if level == NONE and not policy:
        return Ask(None)
    if level not in LEVELS or policy not in ("", *POLICIES):
        raise ValueError(
            f"{oddity.show(text)} is no spread; allowed: none, or one of"
            f" {', '.join(LEVELS)}, which :hard or :soft may follow"
        )
    return Ask(pci_request.SpreadLevel(level), policy == _HARD)


def of_flavor(
    extra_specs: Mapping[str, str], oddities: list[oddity.Oddity]
) -> Ask | None:
    """Read what a flavor asks for.

    :param extra_specs: All of the flavor's.
    :param oddities: Gets what made no sense, which asks for nothing.
    :returns: ``None`` if it says nothing.
    """
    level = extra_specs.get(LEVEL_SPEC)
    if level is None:
        return None
    text = level
    if level.strip().lower() != NONE:
        text = f"{level}:{extra_specs.get(POLICY_SPEC, _SOFT)}"
    return _understand(text, f"$.flavor.{LEVEL_SPEC}", oddities)


def of_profile(profile: object) -> str | None:
    """Find what a port asks for, as it stands there.

    :param profile: Its ``binding:profile``, if the caller may see it.
    :returns: ``None`` if it asks for nothing.
    """
    text = profile.get(PROFILE_KEY) if isinstance(profile, Mapping) else None
    return None if text is None else str(text)


def of_port(
    text: str | None, path: str, oddities: list[oddity.Oddity]
) -> Ask | None:
    """Read what a port asks for.

    :param text: From :func:`of_profile`.
    :param path: Where the profile is, for a person.
    :param oddities: Gets what made no sense, which asks for nothing.
    :returns: ``None`` if it says nothing.
    """
    if text is None:
        return None
    return _understand(text, f"{path}.{PROFILE_KEY}", oddities)


def _understand(
    text: str, path: str, oddities: list[oddity.Oddity]
) -> Ask | None:
    try:
        return _read(text)
    except ValueError as error:
        oddities.append(oddity.Oddity(path, str(error)))
        return None


def apply(
    devices: Iterable[pci_request.DeviceRequest],
    *,
    flavor: Ask | None = None,
    ports: Mapping[str, Ask] | None = None,
    default: Ask | None = None,
) -> tuple[
    tuple[pci_request.DeviceRequest, ...], tuple[pci_request.Spread, ...]
]:
    """Put the devices of a server into groups that are kept apart.

    The devices for ports on one physical network are a group, and those of
    each request of the flavor. What a port says goes before what the flavor
    does, and that before the default, which is for ports alone. Of one device
    there is nothing to keep apart.

    :param devices: The requests of the server.
    :param flavor: What its flavor asks for.
    :param ports: What its ports ask for, by their ids.
    :param default: What the operator asks for.
    :returns: The requests with their groups, and the groups.
    """
    listed = tuple(devices)
    if flavor is None and default is None and not ports:
        return listed, ()
    found = [_spread_of(each, flavor, ports or {}, default) for each in listed]
    pairs = list(zip(listed, found, strict=True))
    counts: collections.Counter[pci_request.Spread] = collections.Counter()
    for device, spread in pairs:
        if spread is not None:
            counts[spread] += device.count
    spreads = tuple(each for each, count in counts.items() if count > 1)
    return (
        tuple(
            dataclasses.replace(device, spread_group=spread.group)
            if spread in spreads
            else device
            for device, spread in pairs
        ),
        spreads,
    )


def _spread_of(
    device: pci_request.DeviceRequest,
    flavor: Ask | None,
    ports: Mapping[str, Ask],
    default: Ask | None,
) -> pci_request.Spread | None:
    """Name the group that a device would be in, and how it is kept apart."""
    ask = flavor
    if device.port_id is not None:
        ask = ports.get(device.port_id) or flavor or default
    if ask is None or ask.level is None:
        return None
    policy = _HARD if ask.hard else _SOFT
    group = f"{_place_of(device)} ({ask.level.value}, {policy})"
    return pci_request.Spread(group, ask.level, ask.hard)


def _place_of(device: pci_request.DeviceRequest) -> str:
    if device.port_id is None:
        return device.request_id
    network = dict(device.specs[0] if device.specs else ()).get(
        pci_device.PHYSICAL_NETWORK
    )
    return "ports" if network is None else f"ports on {network}"
