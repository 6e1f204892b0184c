# SPDX-License-Identifier: Apache-2.0
"""The verdict on one host: do its agents bind the ports and its devices do.

The filter of nova-scheduler and ``pci-pool explain`` both ask here, so that
one never says what the other would not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple
import weakref

from pci_sched.matching import binding as l2_binding
from pci_sched.matching import (
    binding_verdict,
    binding_words,
    explain,
    matcher,
    refusal_code,
    solve,
)
from pci_sched.matching import glance as pci_glance
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

#: The code of a port whose kind the operator does not want on the host.
VNIC_TYPE_NOT_OFFERED = "VNIC_TYPE_NOT_OFFERED"

_SEARCH_LIMIT = refusal_code.RefusalCode.SEARCH_LIMIT

#: Of how many facts it is remembered whether some ports can be bound there.
_MOST_BOUND = 16_384

#: All of a port but its id.
_PortKind = tuple[object, ...]

#: Why not, by the id of the facts; the reference tells whether that is still
#: theirs.
_Bound = dict[int, tuple[weakref.ref[pci_host.L2Facts], str | None]]

_MATCHING = pci_options.Options()
_BINDING = l2_binding.Options()


class Reason(NamedTuple):
    """One thing that keeps a host from serving a request.

    :ivar code: Of :class:`~.refusal_code.RefusalCode`,
        :class:`~.binding_verdict.Code` or :data:`VNIC_TYPE_NOT_OFFERED`.
    :ivar message: The same for a person, without a full stop.
    :ivar requests: The ids of the requests or ports it concerns.
    :ivar pools: Of devices, the pools that come nearest.
    :ivar wanted: Of devices, how many; ``None`` where it is no matter of
        devices.
    :ivar free: Of devices, how many would do.
    """

    code: str
    message: str
    requests: tuple[str, ...] = ()
    pools: tuple[pool_supply.SupplyPool, ...] = ()
    wanted: int | None = None
    free: int | None = None


class Shortfall(NamedTuple):
    """Why a host is refused, in short.

    :ivar code: Of one reason.
    :ivar lacking: How many devices it lacks; 0 where that is not easily told.
    """

    code: str
    lacking: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one host and one request.

    :ivar reasons: Why the request cannot be served; empty if it can be.
    :ivar warnings: What somebody should know although it can be.
    :ivar bindings: One for each port, in their order.
    :ivar plan: The devices; ``None`` if they do not suffice, or if the
        search for them ended undecided.
    :ivar distance: How far the host is from serving the request; sorts
        verdicts, the nearest miss first.
    """

    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    bindings: tuple[binding_verdict.Binding, ...] = ()
    plan: pci_plan.Plan | None = None
    distance: tuple[int, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the host is accepted; undecided ones are."""
        return not self.reasons


class Judge:
    """A request made ready, for as many hosts as there are.

    Remembers what it said of facts and supplies, by identity: most hosts of a
    cloud share a few of them. It lives as long as the request; what it said
    of facts serves the next request for ports of the same kinds, too.

    :ivar request: The request.
    :ivar wants_devices: Whether it asks for any device.
    :ivar glance: As :attr:`.matcher.Matcher.glance`: what :meth:`can_serve`
        says, if it is easily told.
    """

    def __init__(
        self,
        request: pci_request.InstanceRequest,
        matching: pci_options.Options = _MATCHING,
        binding: l2_binding.Options = _BINDING,
    ) -> None:
        self.request = request
        self.wants_devices = bool(request.devices)
        self._matcher = matcher.Matcher(request, matching)
        self.glance = self._matcher.glance
        self._binding = binding
        ports = {_kind(port): port for port in request.ports}
        self._ports = tuple(ports.values())
        self._bound = _recall_bound(tuple(ports), binding)
        # The keys are ids, which the values keep from being used again.
        self._served: dict[int, tuple[pool_supply.Supply, bool]] = {}
        self._codes: dict[object, tuple[str, pool_supply.Supply]] = {}

    def can_bind(self, facts: pci_host.L2Facts) -> bool:
        """Tell whether a host can bind every port.

        :param facts: Of the host.
        :returns: True where nobody knows better.
        """
        return self._why_unbound(facts) is None

    def can_serve(self, supply: pool_supply.Supply) -> bool:
        """Tell whether the devices of a host suffice.

        :param supply: Of the host.
        :returns: True also where the search ended undecided.
        """
        known = self._served.get(id(supply))
        if known is None:
            outcome = self._matcher.is_servable(supply)
            known = supply, outcome is not solve.Outcome.NO
            self._served[id(supply)] = known
        return known[1]

    def why_not(
        self,
        facts: pci_host.L2Facts,
        records: Sequence[Mapping[str, Any]],
        supply: Callable[[], pool_supply.Supply],
    ) -> Shortfall:
        """Give one reason, without the work of a whole verdict.

        :param facts: Of a host that is refused.
        :param records: The pools of the host.
        :param supply: Gives their supply, if it is needed.
        :returns: The reason.
        """
        found = self._matcher.describe(records)
        code = self._why_unbound(facts) or self._why_unserved(found, supply)
        return Shortfall(code, found.lacking if found else 0)

    def reasons(
        self, supply: pool_supply.Supply, facts: pci_host.L2Facts
    ) -> tuple[Reason, ...]:
        """Give the reasons of a verdict, for less work where it can be.

        :param supply: Of a host that is refused.
        :param facts: Of the host.
        :returns: What :meth:`judge` says.
        """
        if self.can_bind(facts):
            return tuple(_of_devices(self._matcher.refuse(supply)))
        return self.judge(supply, facts).reasons

    def judge(
        self, supply: pool_supply.Supply, facts: pci_host.L2Facts
    ) -> Verdict:
        """Say all there is to say, whatever it costs.

        :param supply: Of the host.
        :param facts: Of the host.
        :returns: The verdict; it fits exactly if :meth:`can_bind` and
            :meth:`can_serve` say yes.
        """
        answers = [self._bind(port, facts) for port in self.request.ports]
        bindings = tuple(
            each
            for each in answers
            if isinstance(each, binding_verdict.Binding)
        )
        reasons = [each for each in answers if isinstance(each, Reason)]
        warnings = [text for each in bindings for text in each.warnings]
        lacking, plan = 0, None
        found: pci_plan.Plan | pci_refusal.Refusal
        if self.can_serve(supply):
            found = self._matcher.match(supply)
        else:
            found = self._matcher.refuse(supply)
        if isinstance(found, pci_plan.Plan):
            plan = found
        elif found.code is _SEARCH_LIMIT:
            warnings += explain.explain(found)
        else:
            lacking = max(1, _count_lacking(found))
            reasons += _of_devices(found)
        ports = len(answers) - len(bindings)
        return Verdict(
            reasons=tuple(reasons),
            warnings=tuple(dict.fromkeys(warnings)),
            bindings=bindings,
            plan=plan,
            distance=(ports + lacking, lacking, ports),
        )

    def _why_unbound(self, facts: pci_host.L2Facts) -> str | None:
        """Give the code of the first port that cannot be bound."""
        known = self._bound.get(id(facts))
        if known is not None and known[0]() is facts:
            return known[1]
        answers = (self._bind(port, facts) for port in self._ports)
        codes = (each.code for each in answers if isinstance(each, Reason))
        code = next(codes, None)
        if len(self._bound) >= _MOST_BOUND:
            self._bound.clear()
        self._bound[id(facts)] = weakref.ref(facts), code
        return code

    def _why_unserved(
        self,
        found: pci_glance.Description | None,
        supply: Callable[[], pool_supply.Supply],
    ) -> str:
        """Give the code of what the devices lack, once for each cause."""
        if found is None:
            made = supply()
            return self._say_once(id(made), lambda: made)
        return self._say_once(self._matcher.cause(found), supply)

    def _say_once(
        self, key: object, supply: Callable[[], pool_supply.Supply]
    ) -> str:
        known = self._codes.get(key)
        if known is None:
            made = supply()
            # A supply that is kept keeps its id from being used again.
            known = self._matcher.code_of_refusal(made), made
            self._codes[key] = known
        return known[0]

    def _bind(
        self, port: pci_request.PortRequest, facts: pci_host.L2Facts
    ) -> binding_verdict.Binding | Reason:
        wanted = facts.vnic_types
        names = (port.port_id,) if port.port_id else ()
        if wanted is not None and port.vnic_type not in wanted:
            message = (
                f"{binding_words.say_port(port)}: the operator wants only"
                f" {', '.join(sorted(wanted)) or 'no port at all'} there"
            )
            return Reason(VNIC_TYPE_NOT_OFFERED, message, names)
        answer = l2_binding.bind(port, facts.agents, self._binding)
        if isinstance(answer, binding_verdict.Binding):
            return answer
        return Reason(answer.code, answer.message, names)


def _kind(port: pci_request.PortRequest) -> _PortKind:
    """Give what tells a port from others but its id."""
    return (
        port.vnic_type,
        port.segments,
        port.subnet_segment_ids,
        port.capabilities,
        port.device_decides,
    )


@functools.lru_cache(maxsize=16)
def _recall_bound(
    _ports: tuple[_PortKind, ...], _options: l2_binding.Options
) -> _Bound:
    """Give what is remembered of ports, to be added to."""
    return {}


def _of_devices(refusal: pci_refusal.Refusal) -> Iterator[Reason]:
    """Give one reason for each request that starves even alone, or one."""
    alone = [each for each in refusal.starving if each.code is not None]
    for each in alone:
        yield Reason(
            str(each.code),
            explain.explain_starving(each),
            (each.request_id,),
            each.nearest.pools if each.nearest else (),
            each.wanted,
            each.free,
        )
    if not alone:
        yield Reason(
            refusal.code,
            "; ".join(explain.explain(refusal)),
            refusal.witness,
            refusal.pools,
            sum(each.wanted for each in refusal.starving),
            sum(pool.free for pool in refusal.pools),
        )


def _count_lacking(refusal: pci_refusal.Refusal) -> int:
    """Count the devices that are missing; at least one in any refusal."""
    return sum(
        each.wanted - each.free
        for each in refusal.starving
        if each.code is not None and each.wanted > each.free
    )
