# SPDX-License-Identifier: Apache-2.0
"""Writing into a host's ledger what Nova's records say."""

from collections.abc import Callable, Mapping
import dataclasses

from oslo_log import log as logging

from pci_sched import exception
from pci_sched.claims import acts, mirror, rebuild
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import store as claim_store
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host

_LOG = logging.getLogger(__name__)

#: Opens the ledger; called again after each failure.
OpenStore = Callable[[], claim_store.ClaimStore]


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What has to be written in one transaction.

    :ivar uses: Who has which device, or who has it now.
    :ivar cause: Since when, who tells it, and why.
    :ivar host: The hardware, if *uses* is all that there is.
    """

    uses: mirror.Uses
    cause: acts.Cause
    host: pci_host.Host | None = None

    def mirrored(self, snapshot: claim_snapshot.Snapshot) -> mirror.Mirrored:
        """Say how the ledger follows.

        :param snapshot: The ledger now.
        :returns: What to write, and what cannot be written.
        """
        if self.host is None:
            return mirror.mirror(snapshot, self.uses, self.cause)
        held = {each: use for each, use in self.uses.items() if use}
        return rebuild.rebuild(snapshot, self.host, held, self.cause)


class Keeper:
    """Keeps the ledger of one host; used by one thread only.

    After a failure the ledger is opened anew.
    """

    def __init__(self, open_store: OpenStore, host: pci_claim.HostKey) -> None:
        """Keep a ledger; nothing is opened yet.

        :param open_store: Opens it.
        :param host: Whose.
        """
        self._open_store = open_store
        self._host = host
        self._store: claim_store.ClaimStore | None = None
        self._conflicts: Mapping[pci_address.PciAddress, str] = {}
        #: A ledger and the picture that it was found to be right by.
        self._settled: tuple[claim_snapshot.Snapshot, Job] | None = None

    def work(self, job: Job) -> Exception | None:
        """Write a job, and warn of what the ledger cannot follow.

        :param job: The job.
        :returns: Why it is not written; ``None`` if it is.
        """
        try:
            refused = self._write(job)
        except Exception as error:  # noqa: BLE001 - Nova goes on, whatever
            self._close()
            return error
        self._warn(job, refused)
        return None

    def _write(self, job: Job) -> Mapping[pci_address.PciAddress, str]:
        seen: claim_snapshot.Snapshot | None = None
        found = mirror.Mirrored(None, {})

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            nonlocal seen, found
            # Where nothing is to be done, a store asks twice.
            if snapshot is seen or self._is_settled(snapshot, job):
                return found.change
            seen, found = snapshot, job.mirrored(snapshot)
            if job.host and not (found.change or found.refused):
                self._settled = (snapshot, job)
            return found.change

        if self._store is None:
            self._store = self._open_store()
        self._store.change(self._host, decide)
        return found.refused

    def _is_settled(self, snapshot: claim_snapshot.Snapshot, job: Job) -> bool:
        """Tell whether a picture and the ledger are what they were.

        Nearly every audit finds nothing new, and to hold thousands of devices
        against each other takes long.
        """
        if self._settled is None or job.host is None:
            return False
        known, before = self._settled
        return snapshot is known and (job.host, job.uses) == (
            before.host,
            before.uses,
        )

    def _close(self) -> None:
        store, self._store = self._store, None
        # What is kept in memory has nothing to close.
        close = getattr(store, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - it is given up anyway
            _LOG.debug("The ledger cannot be closed: %s", error)

    def _warn(
        self, job: Job, refused: Mapping[pci_address.PciAddress, str]
    ) -> None:
        """Say once what the ledger cannot follow, while that lasts."""
        before = self._conflicts
        stay = {
            each: said
            for each, said in before.items()
            if job.host is None and each not in job.uses
        }
        self._conflicts = {**stay, **refused}
        for said in sorted({*refused.values()} - {*before.values()}):
            _LOG.warning(
                "LEDGER_CONFLICT on %(host)s: %(said)s. Nova's records stay"
                " as they are; the ledger follows as soon as it can.",
                {"host": self._host.name, "said": said},
            )


def describe(error: Exception) -> str:
    """Say in words what went wrong.

    :param error: Anything.
    :returns: A sentence for a person.
    """
    if isinstance(error, exception.PciSchedException):
        return str(error)
    return f"{type(error).__name__}: {error}"
