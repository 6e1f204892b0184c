# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to instances on two hosts, their records stay right."""

from collections.abc import Callable, Iterator
import contextlib
import itertools
import os
import pathlib
import shutil
from typing import Any

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import pytest

from tests.nova import rt_checks as checks
from tests.nova import rt_doubles as doubles
from tests.nova import rt_instances as instances
from tests.nova import rt_moves as moves
from tests.nova import rt_operations as operations
from tests.nova import rt_stories as stories
from tests.nova import rt_world

_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")
_EXAMPLES = {"dev": 2, "ci": 6, "deep": 1000}[_PROFILE]
_STEPS = 25

_HOSTS = st.sampled_from(doubles.HOSTS)
#: Which of the instances that something can be done to.
_PICKS = st.integers(0, 5)
_PORTS = st.lists(
    st.sampled_from(["direct", "direct", "direct-physical"]), max_size=3
)
_ALIASES = st.sampled_from(["", "gpu:1", "gpu:2", "vf:1", "vf:2,gpu:1"])
#: What happens between two steps of an operation.
_BETWEEN = st.sampled_from(["", "", "audit", "restart"])


_PORT_TROUBLE = doubles.port_trouble()
_DRIVER_TROUBLE = doubles.driver_trouble()


class Hosts(stateful.RuleBasedStateMachine):
    """Two hosts with the hook on, and instances in every state."""

    def __init__(self, place: pathlib.Path, counts: dict[str, int]) -> None:
        """Begin with files that nothing has happened in."""
        super().__init__()
        self.counts = counts
        self.world = rt_world.World(place)
        self.running: list[str] = []
        self.shelved: list[str] = []
        self.resized: list[str] = []

    def teardown(self) -> None:
        """Close what was opened."""
        self.world.close()

    def _do(self, steps: operations.Steps, between: str) -> bool:
        """Do an operation; returns whether it was possible."""

        def meanwhile() -> None:
            if between == "restart":
                self.world.restart_all()
            elif between == "audit":
                self.world.audit()

        try:
            stories.run(steps, meanwhile)
        except instances.REFUSALS:
            self.counts["refused"] += 1
            return False
        self.counts["done"] += 1
        return True

    def _elsewhere(self, instance_uuid: str) -> str:
        host = self.world.instance(instance_uuid).host
        return "b" if host == "a" else "a"

    @stateful.rule(
        host=_HOSTS,
        ports=_PORTS,
        alias=_ALIASES,
        fails=st.booleans(),
        between=_BETWEEN,
    )
    def boot(
        self,
        host: str,
        ports: list[str],
        alias: str,
        fails: bool,
        between: str,
    ) -> None:
        made = instances.create(self.world, ports, _flavor(alias))
        act = operations.fail_to_boot if fails else operations.boot
        if self._do(act(self.world, host, made), between) and not fails:
            self.running.append(made)

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(pick=_PICKS, between=_BETWEEN)
    def delete(self, pick: int, between: str) -> None:
        gone = self.running.pop(pick % len(self.running))
        self._do(operations.delete(self.world, gone), between)

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(pick=_PICKS, between=_BETWEEN)
    def shelve(self, pick: int, between: str) -> None:
        found = self.running.pop(pick % len(self.running))
        self._do(operations.shelve(self.world, found), between)
        self.shelved.append(found)

    @stateful.precondition(lambda self: self.shelved)
    @stateful.rule(pick=_PICKS, host=_HOSTS, between=_BETWEEN)
    def unshelve(self, pick: int, host: str, between: str) -> None:
        found = self.shelved[pick % len(self.shelved)]
        if self._do(operations.unshelve(self.world, host, found), between):
            self.shelved.remove(found)
            self.running.append(found)

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(
        pick=_PICKS,
        host=_HOSTS,
        alias=st.none() | _ALIASES,
        fails=st.booleans(),
        between=_BETWEEN,
    )
    def resize(
        self,
        pick: int,
        host: str,
        alias: str | None,
        fails: bool,
        between: str,
    ) -> None:
        found = self.running[pick % len(self.running)]
        flavor = None if alias is None else _flavor(alias)
        if flavor is None:
            # Nova migrates no instance to where it is.
            host = self._elsewhere(found)
        act = moves.fail_to_resize if fails else moves.resize
        steps = act(self.world, host, found, flavor)
        if self._do(steps, between) and not fails:
            self.running.remove(found)
            self.resized.append(found)

    @stateful.precondition(lambda self: self.resized)
    @stateful.rule(pick=_PICKS, between=_BETWEEN)
    def confirm(self, pick: int, between: str) -> None:
        found = self.resized.pop(pick % len(self.resized))
        self._do(moves.confirm(self.world, found), between)
        self.running.append(found)

    @stateful.precondition(lambda self: self.resized)
    @stateful.rule(pick=_PICKS)
    def revert(self, pick: int) -> None:
        found = self.resized.pop(pick % len(self.resized))
        self._do(moves.revert(self.world, found), "")
        self.running.append(found)

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(pick=_PICKS, fails=st.booleans())
    def evacuate(self, pick: int, fails: bool) -> None:
        found = self.running[pick % len(self.running)]
        host = self._elsewhere(found)
        act = moves.fail_to_evacuate if fails else moves.evacuate
        self._do(act(self.world, host, found), "")

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(
        pick=_PICKS,
        act=st.sampled_from(
            (
                moves.live_migrate,
                moves.roll_back_live,
                moves.fail_to_prepare_live,
            )
        ),
        between=_BETWEEN,
    )
    def live_migrate(
        self,
        pick: int,
        act: Callable[[Any, str, str], operations.Steps],
        between: str,
    ) -> None:
        found = self.running[pick % len(self.running)]
        self._do(act(self.world, self._elsewhere(found), found), between)

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(
        pick=_PICKS,
        trouble=st.sampled_from(["", "", "port", "driver"]),
        vnic_type=st.sampled_from(["direct", "direct-physical"]),
    )
    def attach(self, pick: int, trouble: str, vnic_type: str) -> None:
        found = self.running[pick % len(self.running)]
        try:
            operations.attach(
                self.world,
                found,
                vnic_type,
                neutron=doubles.port_trouble() if trouble == "port" else None,
                driver=doubles.driver_trouble()
                if trouble == "driver"
                else None,
            )
        except (*instances.REFUSALS, *operations.NOT_ATTACHED):
            self.counts["refused"] += 1
        else:
            self.counts["done"] += 1

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(pick=_PICKS)
    def detach(self, pick: int) -> None:
        found = self.running[pick % len(self.running)]
        requests = self.world.instance(found).pci_requests.requests
        if any(map(instances.is_port, requests)):
            operations.detach(self.world, found)
            self.counts["done"] += 1

    @stateful.rule(host=_HOSTS)
    def restart(self, host: str) -> None:
        self.world.restart(host)
        self.counts["done"] += 1

    @stateful.rule(host=_HOSTS, address=st.sampled_from(doubles.ALONE))
    def vanish_or_come_back(self, host: str, address: str) -> None:
        is_gone = address in self.world.gone(host)
        self.world.vanish(host, address, back=is_gone)
        self.counts["done"] += 1

    @stateful.invariant()
    def all_records_agree(self) -> None:
        self.world.audit()
        assert checks.faults(self.world) == []
        assert checks.mistakes(self.world) == []


def _flavor(alias: str) -> Any:
    specs = {"pci_passthrough__alias": alias} if alias else {}
    return doubles.flavor(**specs)


@pytest.fixture
def places(tmp_path: pathlib.Path) -> Iterator[Iterator[pathlib.Path]]:
    """Give the files of new worlds."""
    template = tmp_path / "template"
    template.mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(rt_world.configured(hooked=True))
        rt_world.make(template)
        yield (
            pathlib.Path(
                shutil.copytree(
                    template, tmp_path / f"world-{number}", symlinks=True
                )
            )
            for number in itertools.count()
        )


def test_records_stay_right_whatever_is_done(
    places: Iterator[pathlib.Path],
) -> None:
    counts = {"done": 0, "refused": 0}
    machine: Any = lambda: Hosts(next(places), counts)  # noqa: E731
    stateful.run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=_EXAMPLES,
            stateful_step_count=_STEPS,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
    print(f"{counts['done']} steps done, {counts['refused']} refused")
    assert counts["done"] > counts["refused"]
