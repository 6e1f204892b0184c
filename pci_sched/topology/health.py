# SPDX-License-Identifier: Apache-2.0
"""Whether the link of a physical function can be relied on.

A link that went down is taken for down at once, and for up only after it has
been up for a while: who moves servers back onto a port that comes and goes
does more harm than who waits. A pure state machine; whoever looks at links
keeps the state and the clock.
"""

import dataclasses
import enum

from pci_sched.model import device as pci_device


class State(enum.StrEnum):
    """What is held of the link of a physical function.

    ``flapping`` is a link that changed too often of late, whatever it is at
    the moment. ``unknown`` is one that nobody can see, such as that of a
    function that belongs to a guest.
    """

    UP = "up"
    DOWN = "down"
    FLAPPING = "flapping"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """When a link is trusted again.

    :ivar hold_down_s: For how many seconds it must have stayed up.
    :ivar flap_count: How many changes within *flap_window_s* make it
        flapping; at least two, since a link that comes back has changed
        twice.
    :ivar flap_window_s: In seconds.
    """

    hold_down_s: float = 120.0
    flap_count: int = 4
    flap_window_s: float = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Glimpse:
    """What one look shows of a link.

    :ivar at_s: When, in seconds of a clock that never goes back.
    :ivar link: ``None`` if it cannot be seen.
    :ivar changes: How often the kernel saw the carrier come or go since the
        device is there (``carrier_changes``); ``None`` if it does not say.
    """

    at_s: float
    link: pci_device.Link | None
    changes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """What is held of a link, and what it is held by.

    :ivar since_s: When the state became what it is.
    :ivar last: The last look.
    :ivar seen: The link when it was last to be seen; ``None`` if it never
        was.
    :ivar changed_s: When the link changed, as far as it matters still; for
        changes between two looks, when the second one saw them.
    """

    state: State
    since_s: float
    last: Glimpse
    seen: pci_device.Link | None
    changed_s: tuple[float, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether devices may be expected to work; so does nobody know."""
        return self.state in (State.UP, State.UNKNOWN)


def begin(glimpse: Glimpse) -> Health:
    """Take a link as it is seen for the first time.

    :param glimpse: The first look.
    :returns: Up if it is up: nobody has seen it down.
    """
    return Health(_plain(glimpse.link), glimpse.at_s, glimpse, glimpse.link)


def follow(health: Health, glimpse: Glimpse, rules: Rules) -> Health:
    """Judge a link after another look.

    :param health: As it was judged after the look before.
    :param glimpse: The new look, not older than the last one.
    :param rules: When it is trusted again.
    :returns: As it is judged now.
    """
    fresh = min(_changes(health, glimpse), rules.flap_count)
    kept_s = max(rules.flap_window_s, rules.hold_down_s)
    old = [each for each in health.changed_s if glimpse.at_s - each < kept_s]
    changed = (*old, *[glimpse.at_s] * fresh)[-rules.flap_count :]
    state = _judge(health.state, glimpse, changed, rules, bool(fresh))
    since = health.since_s if state is health.state else glimpse.at_s
    return Health(state, since, glimpse, glimpse.link or health.seen, changed)


def _judge(
    state: State,
    glimpse: Glimpse,
    changed: tuple[float, ...],
    rules: Rules,
    is_fresh: bool,
) -> State:
    now = _plain(glimpse.link)
    ages = [glimpse.at_s - each for each in changed]
    if now is State.UNKNOWN:
        return now
    if sum(age < rules.flap_window_s for age in ages) >= rules.flap_count:
        return State.FLAPPING
    if now is State.DOWN:
        return now
    if state is State.UP:
        # It may have gone and come back between two looks.
        return State.DOWN if is_fresh and rules.hold_down_s > 0 else now
    if not ages or ages[-1] >= rules.hold_down_s:
        return now
    # That nobody saw it for a while makes it no better.
    return State.DOWN if state is State.UNKNOWN else state


def _changes(health: Health, now: Glimpse) -> int:
    """Count how often the link changed since it was seen before."""
    if health.seen is None or now.link is None:
        return 0
    seen = int(_plain(health.seen) is not _plain(now.link))
    before = health.last
    # A count that went back is that of another device, and so may one be
    # that nobody saw in between.
    if before.link is None or before.changes is None or now.changes is None:
        return seen
    return max(seen, now.changes - before.changes)


def _plain(link: pci_device.Link | None) -> State:
    """Say what a link is at the moment."""
    if link is None:
        return State.UNKNOWN
    return State.UP if link is pci_device.Link.UP else State.DOWN
