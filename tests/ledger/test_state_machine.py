# SPDX-License-Identifier: Apache-2.0
"""Whatever is done in whatever order, the ledger says what a model says."""

from collections.abc import Callable
import contextlib
import dataclasses
import datetime
import itertools
import os
from typing import Any

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import pytest

import changing_host
import ledger_cases
import ledger_model
from pci_sched import exception
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import tracker as claim_tracker
from pci_sched.db import engine
from pci_sched.db import store as sql_store
from pci_sched.model import address as pci_address
import plain_ledger

#: Examples and steps of each; a server takes longer.
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")
_EXAMPLES = {
    "dev": {"sqlite": 15, "mariadb": 8, "postgresql": 8},
    "ci": {"sqlite": 40, "mariadb": 15, "postgresql": 25},
    "deep": {"sqlite": 5000, "mariadb": 1000, "postgresql": 1000},
}[_PROFILE]
_STEPS = 50

_START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
_PATIENCE_S = 60
_NUMBERS = itertools.count()

_TRACKERS = st.sampled_from((0, 1))
#: Who does the same once more, if anybody.
_AGAIN = st.sampled_from((None, 0, 1))
_CARDS = st.integers(0, changing_host.PFS - 1)
_INSTANCES = st.sampled_from([f"instance-{number}" for number in range(3)])
_MOVES = st.sampled_from(("move-1", "move-2"))
#: PFs and VFs of each request of a claim.
_SHAPES = st.sampled_from(
    (
        ((0, 1),),
        ((0, 1),),
        ((0, 2),),
        ((0, 4),),
        ((1, 0),),
        ((2, 0),),
        ((1, 0), (0, 1)),
        ((0, 1), (0, 2)),
    )
)
_PREFIXES = st.sampled_from(("a", "b"))


class Ledger(stateful.RuleBasedStateMachine):
    """Two trackers of one host, each with a store of its own."""

    def __init__(self, url: str) -> None:
        """Begin with a host that nobody knows."""
        super().__init__()
        self.url = url
        self.key = pci_claim.HostKey.named(f"machine-{next(_NUMBERS)}")
        self.model = ledger_model.Model(_PATIENCE_S)
        self.hardware = changing_host.Hardware(
            dict.fromkeys(range(changing_host.PFS), changing_host.VFS),
            dict.fromkeys(range(changing_host.PFS), 0),
            {changing_host.PFS - 1},
            set(),
            set(),
        )
        self.stores = [
            sql_store.SqlClaimStore(_database(url, number), f"rival:{number}")
            for number in range(2)
        ]
        self.trackers = [self._tracker(each) for each in self.stores]
        self.claims: list[str] = [ledger_cases.uid()]

    def _tracker(
        self, store: sql_store.SqlClaimStore
    ) -> claim_tracker.ClaimTracker:
        return claim_tracker.ClaimTracker(
            store,
            self.key,
            actor=store.tracker,
            expires_after=datetime.timedelta(seconds=_PATIENCE_S),
            clock=lambda: _START + datetime.timedelta(seconds=self.model.now),
        )

    def _do(
        self,
        who: int,
        again: int | None,
        act: Callable[[claim_tracker.ClaimTracker], object],
        error: type[exception.PciSchedException] | None,
    ) -> Any:
        """Do something, and perhaps once more, with the same outcome."""
        done = _outcome(lambda: act(self.trackers[who]))
        if again is not None:
            repeated = _outcome(lambda: act(self.trackers[again]))
            assert repeated == done or error
        assert not isinstance(done, Exception) or error is type(done), done
        assert not error or isinstance(done, error), done
        return done

    @stateful.initialize()
    def begin(self) -> None:
        self._sync(0, None)

    @stateful.rule(
        card=_CARDS,
        vfs=st.integers(0, changing_host.VFS),
        who=_TRACKERS,
        again=_AGAIN,
    )
    def another_number_of_vfs(
        self, card: int, vfs: int, who: int, again: int | None
    ) -> None:
        self.hardware.vfs[card] = vfs
        self._sync(who, again)

    @stateful.rule(card=_CARDS, who=_TRACKERS, again=_AGAIN)
    def another_board(self, card: int, who: int, again: int | None) -> None:
        self.hardware.boards[card] += 1
        self._sync(who, again)

    @stateful.rule(card=_CARDS, who=_TRACKERS, again=_AGAIN)
    def a_card_goes_or_comes(
        self, card: int, who: int, again: int | None
    ) -> None:
        self.hardware.away ^= {card}
        self._sync(who, again)

    @stateful.rule(
        each=st.sampled_from(
            [each.address for each in changing_host.ALL.devices]
        ),
        how=st.sampled_from(("hidden", "others")),
        who=_TRACKERS,
        again=_AGAIN,
    )
    def a_device_goes_or_comes_or_is_another_one(
        self,
        each: pci_address.PciAddress,
        how: str,
        who: int,
        again: int | None,
    ) -> None:
        changed: set[pci_address.PciAddress] = getattr(self.hardware, how)
        changed ^= {each}
        self._sync(who, again)

    @stateful.rule(who=_TRACKERS, again=_AGAIN)
    def all_is_well_again(self, who: int, again: int | None) -> None:
        hardware = self.hardware
        for each in (hardware.away, hardware.hidden, hardware.others):
            each.clear()
        hardware.vfs = dict.fromkeys(
            range(changing_host.PFS), changing_host.VFS
        )
        self._sync(who, again)

    def _sync(self, who: int, again: int | None) -> None:
        host = self.hardware.host()
        is_different = self.model.sync(host)
        drifts = self.trackers[who].sync(host)
        generation = int(self._rows()["hosts"][0]["generation"])
        # Fault domains may change where no device does.
        assert generation - self.model.generation in (
            {1} if is_different else {0, 1}
        )
        assert bool(drifts) == is_different
        self.model.generation = generation
        if again is not None:
            assert self.trackers[again].sync(host) == ()

    @stateful.rule(
        instance=_INSTANCES,
        migration=st.one_of(st.just(""), st.just(""), _MOVES),
        prefix=_PREFIXES,
        shape=_SHAPES,
        who=_TRACKERS,
        again=_AGAIN,
        how=st.sampled_from(("claim", "claim", "attach")),
    )
    def claim(
        self,
        instance: str,
        migration: str,
        prefix: str,
        shape: tuple[tuple[int, int], ...],
        who: int,
        again: int | None,
        how: str,
    ) -> None:
        migration = migration if how == "claim" else ""
        more = {"migration": migration} if how == "claim" else {}
        wanted, request = changing_host.request(prefix, shape)
        known = self.model.claim_of(instance, migration, wanted)
        error = self.model.refusal(instance, migration, wanted)
        done = self._do(
            who,
            again,
            lambda by: getattr(by, how)(instance, request, **more),
            error,
        )
        if error:
            return
        if known is not None:
            assert done.claim_id == known
            return
        self._note(done, wanted)

    def _note(
        self, done: pci_claim.Claim, wanted: ledger_model.Wanted
    ) -> None:
        self.claims.append(done.claim_id)
        self.model.take(
            done.claim_id,
            ledger_model.Claim(
                done.instance_uuid,
                done.migration,
                wanted,
                {str(each.address): each.request_id for each in done.holdings},
                self.model.now + _PATIENCE_S,
                bool(done.migration),
            ),
        )

    @stateful.rule(
        instance=_INSTANCES,
        shape=_SHAPES,
        who=_TRACKERS,
        fails=st.booleans(),
    )
    def claim_for_a_block(
        self,
        instance: str,
        shape: tuple[tuple[int, int], ...],
        who: int,
        fails: bool,
    ) -> None:
        wanted, request = changing_host.request("block", shape)
        known = self.model.claim_of(instance, "", wanted)
        error = self.model.refusal(instance, "", wanted)
        if error or known:
            return
        expected = pytest.raises(ZeroDivisionError)
        with (
            expected if fails else contextlib.nullcontext(),
            self.trackers[who].claiming(instance, request) as claim,
        ):
            self._note(claim, wanted)
            if fails:
                raise ZeroDivisionError
        end = self.model.abort if fails else self.model.confirm
        assert end(claim.claim_id) is None

    @stateful.rule(
        data=st.data(),
        how=st.sampled_from(("confirm", "confirm", "abort")),
        who=_TRACKERS,
        again=_AGAIN,
    )
    def confirm_or_abort(
        self, data: st.DataObject, how: str, who: int, again: int | None
    ) -> None:
        claim_id = data.draw(st.sampled_from(self.claims))
        error = getattr(self.model, how)(claim_id)
        self._do(who, again, lambda by: getattr(by, how)(claim_id), error)

    @stateful.rule(
        instance=_INSTANCES,
        migration=_MOVES,
        how=st.sampled_from(("finish_move", "revert_move")),
        who=_TRACKERS,
        again=_AGAIN,
    )
    def end_a_move(
        self,
        instance: str,
        migration: str,
        how: str,
        who: int,
        again: int | None,
    ) -> None:
        error = getattr(self.model, how)(instance, migration)
        self._do(
            who,
            again,
            lambda by: getattr(by, how)(instance, migration),
            error,
        )

    @stateful.rule(
        instance=_INSTANCES,
        name=st.sampled_from(("a-0", "port-a-0", "b-1", "block-0", "none")),
        who=_TRACKERS,
        again=_AGAIN,
    )
    def detach(
        self, instance: str, name: str, who: int, again: int | None
    ) -> None:
        self.model.detach(instance, name)
        self._do(who, again, lambda by: by.detach(instance, name), None)

    @stateful.rule(instance=_INSTANCES, who=_TRACKERS, again=_AGAIN)
    def release(self, instance: str, who: int, again: int | None) -> None:
        self.model.release(instance)
        self._do(who, again, lambda by: by.release(instance), None)
        assert self.trackers[who].holdings(instance) == ()

    @stateful.rule(seconds=st.sampled_from((20, 90)))
    def time_passes(self, seconds: int) -> None:
        self.model.now += seconds

    @stateful.rule(who=_TRACKERS)
    def expire(self, who: int) -> None:
        late = set(self.model.late())
        self.model.expire()
        ended = self.trackers[who].expire()
        assert {each.claim_id for each in ended} == late
        assert self.trackers[1 - who].expire() == ()

    def _rows(self) -> plain_ledger.Ledger:
        return plain_ledger.read(self.url, self.key.node_uuid)

    @stateful.invariant()
    def the_rows_say_what_the_model_says(self) -> None:
        rows = self._rows()
        assert plain_ledger.faults(rows) == []
        (host,) = rows["hosts"]
        assert host["generation"] == self.model.generation
        devices, holdings, claims = self.model.standing()
        assert devices == {
            row["address"]: (bool(row["present"]), bool(row["quarantine"]))
            for row in rows["devices"]
        }
        assert holdings == {
            row["address"]: (row["claim_id"], row["request_id"])
            for row in rows["holdings"]
        }
        assert claims == {
            row["claim_id"]: (
                row["instance_uuid"],
                row["migration"],
                bool(row["is_moving"]),
                row["state"],
            )
            for row in rows["claims"]
        }

    def teardown(self) -> None:
        """See that what each remembers is what somebody new reads."""
        fresh = sql_store.SqlClaimStore(_database(self.url, 0))
        now = fresh.read(self.key)
        for tracker in self.trackers:
            known = dataclasses.replace(tracker.snapshot(), rival="")
            assert known == now


_DATABASES: dict[tuple[str, int], Any] = {}


def _database(url: str, number: int) -> Any:
    """Keep connections over examples: making them is the dearest part."""
    if (url, number) not in _DATABASES:
        _DATABASES[url, number] = engine.connect(url)
    return _DATABASES[url, number]


def _outcome(act: Callable[[], object]) -> object:
    try:
        return act()
    except exception.PciSchedException as error:
        return error


def test_any_order_of_acts_leaves_the_ledger_as_the_model_has_it(
    kind: str, url: str
) -> None:
    settings = hypothesis.settings(
        max_examples=_EXAMPLES[kind],
        stateful_step_count=_STEPS,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        machine: Any = lambda: Ledger(url)  # noqa: E731
        stateful.run_state_machine_as_test(machine, settings=settings)
    finally:
        for number in range(2):
            _DATABASES.pop((url, number)).dispose()
