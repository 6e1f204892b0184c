# SPDX-License-Identifier: Apache-2.0
"""A ledger that is kept in memory, for tests of what is above a store."""

import dataclasses

from pci_sched.claims import acts
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot


@dataclasses.dataclass
class MemoryStore:
    """The ledger of one host.

    :ivar steps: Its history.
    :ivar forgets: How many writes fail, as after a lost race; the act is
        decided anew.
    """

    snapshot: claim_snapshot.Snapshot
    steps: list[claim_change.Step] = dataclasses.field(default_factory=list)
    forgets: int = 0

    def read(self, _host: pci_claim.HostKey) -> claim_snapshot.Snapshot:
        """Give the ledger."""
        return self.snapshot

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        """Write what is decided, at the first or at a later try."""
        change = decide(self.snapshot)
        if change is None:
            return self.snapshot
        if self.forgets:
            self.forgets -= 1
            return self.change(host, decide)
        self.snapshot = self.snapshot.after(change)
        self.steps += change.steps
        return self.snapshot

    def history(
        self,
        _host: pci_claim.HostKey,
        *,
        claim_id: str | None = None,
        instance_uuid: str | None = None,
        migration: str | None = None,
        last: int | None = None,
    ) -> tuple[claim_change.Step, ...]:
        """Give the steps that fit."""
        found = tuple(
            each
            for each in self.steps
            if claim_id in (None, each.claim_id)
            and instance_uuid in (None, each.instance_uuid)
            and migration in (None, each.migration)
        )
        return found if last is None else found[-last:]
