# SPDX-License-Identifier: Apache-2.0
"""What a tracker needs of the place where claims are kept."""

from typing import Protocol

from pci_sched.claims import acts
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot


class ClaimStore(Protocol):
    """Keeps the ledgers of hosts so that nothing is lost or doubled."""

    def read(self, host: pci_claim.HostKey) -> claim_snapshot.Snapshot:
        """Give the ledger as it is now.

        A host that is not known yet becomes known, with nothing in it; one
        whose name changed gets the new name.

        :param host: Whose ledger.
        :returns: The ledger.
        """
        ...

    def change(
        self, host: pci_claim.HostKey, decide: acts.Decide
    ) -> claim_snapshot.Snapshot:
        """Change the ledger as if nobody else did at the same time.

        *decide* is called outside any transaction, and again on the newer
        ledger each time that somebody else was faster; so is it after a lost
        connection, when nobody knows whether the change was written. After
        some lost races it is called while nobody else can write: it may read
        the store then, but not change it. What it raises goes to the caller
        and nothing is written.

        :param host: Whose ledger.
        :param decide: Makes the change, or says that there is none to make.
        :returns: The ledger with the change in it.
        """
        ...

    def history(
        self,
        host: pci_claim.HostKey,
        *,
        claim_id: str | None = None,
        instance_uuid: str | None = None,
        migration: str | None = None,
        last: int | None = None,
    ) -> tuple[claim_change.Step, ...]:
        """Give the history of a host, the oldest step first.

        :param host: Whose history.
        :param claim_id: Only of this claim.
        :param instance_uuid: Only of this instance.
        :param migration: Only of this move.
        :param last: Only so many of the newest.
        :returns: The steps.
        """
        ...
