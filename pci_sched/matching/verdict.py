# SPDX-License-Identifier: Apache-2.0
"""The verdict on one host: do its agents bind the ports and its devices do.

The filter of nova-scheduler and ``pci-pool explain`` both ask here, so that
one never says what the other would not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

from pci_sched.matching import binding as l2_binding
from pci_sched.matching import (
    binding_verdict,
    binding_words,
    explain,
    matcher,
    refusal_code,
    solve,
)
from pci_sched.matching import options as pci_options
from pci_sched.matching import plan as pci_plan
from pci_sched.matching import refusal as pci_refusal
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request
from pci_sched.pools import supply as pool_supply

#: The code of a port whose kind the operator does not want on the host.
VNIC_TYPE_NOT_OFFERED = "VNIC_TYPE_NOT_OFFERED"

_SEARCH_LIMIT = refusal_code.RefusalCode.SEARCH_LIMIT

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
    cloud share a few of them. It lives as long as the request.

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
        self._ports = _unlike(request.ports)
        # The keys are ids, which the values keep from being used again.
        self._bound: dict[int, tuple[pci_host.L2Facts, bool]] = {}
        self._served: dict[int, tuple[pool_supply.Supply, bool]] = {}
        self._codes: dict[object, str | None] = {}

    def can_bind(self, facts: pci_host.L2Facts) -> bool:
        """Tell whether a host can bind every port.

        :param facts: Of the host.
        :returns: True where nobody knows better.
        """
        known = self._bound.get(id(facts))
        if known is None:
            known = facts, next(self._unbound(facts), None) is None
            self._bound[id(facts)] = known
        return known[1]

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
    ) -> str | None:
        """Give one reason as a code, without the work of a whole verdict.

        :param facts: Of the host.
        :param records: The pools of the host.
        :param supply: Gives their supply, if it is needed.
        :returns: ``None`` if the host is accepted.
        """
        if not self.can_bind(facts):
            return next(self._unbound(facts)).code
        key: object = self._matcher.describe(records)
        if key is None:
            key = id(supply())
        if key not in self._codes:
            made = supply()
            # Keeps its id from being used again.
            self.can_serve(made)
            self._codes[key] = self._matcher.why_not(made)
        return self._codes[key]

    def count_lacking(self, records: Sequence[Mapping[str, Any]]) -> int:
        """Count the devices that a host lacks, if it is easily told.

        :param records: The pools of a host that is not accepted.
        :returns: 0 where that is not known.
        """
        found = self._matcher.describe(records)
        return 0 if found is None else max(found.lacks, default=0)

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

    def _unbound(self, facts: pci_host.L2Facts) -> Iterator[Reason]:
        for port in self._ports:
            answer = self._bind(port, facts)
            if isinstance(answer, Reason):
                yield answer

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


def _unlike(
    ports: Iterable[pci_request.PortRequest],
) -> tuple[pci_request.PortRequest, ...]:
    """Take one port of those that differ by nothing but their ids."""
    found = {
        (
            port.vnic_type,
            port.segments,
            port.subnet_segment_ids,
            port.capabilities,
        ): port
        for port in ports
    }
    return tuple(found.values())


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
