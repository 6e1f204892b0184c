# SPDX-License-Identifier: Apache-2.0
"""The tracker: claims on the devices of one host."""

from collections.abc import Callable, Iterator
import contextlib
import datetime
import functools

from pci_sched import exception
from pci_sched.claims import acts, choosing, endings, finding, states, upkeep
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import repair as claim_repair
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import store as claim_store
from pci_sched.claims import sync as claim_sync
from pci_sched.claims import truths as claim_truths
from pci_sched.matching import options as pci_options
from pci_sched.model import host as pci_host
from pci_sched.model import request as pci_request

_DEFAULT = pci_options.Options()


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class ClaimTracker:
    """Gives the devices of one host to instances, each to one at a time.

    Every act is written whole or not at all, and may be repeated: what was
    done already is not done again. Any number of trackers, threads and
    processes may share one host; they are meant to be one.

    :ivar host: Which host.
    """

    def __init__(
        self,
        store: claim_store.ClaimStore,
        host: pci_claim.HostKey,
        *,
        options: pci_options.Options = _DEFAULT,
        actor: str = "",
        expires_after: datetime.timedelta | None = None,
        clock: Callable[[], datetime.datetime] = _utc_now,
    ) -> None:
        """Track a host; nothing is read or written yet.

        :param store: Where claims are kept.
        :param host: Which host.
        :param options: How devices are chosen.
        :param actor: Who acts, for the history.
        :param expires_after: After how long a claim that nobody confirms
            ends; ``None`` for never.
        :param clock: Tells the time, with a time zone.
        """
        self.host = host
        self._store = store
        self._options = options
        self._actor = actor
        self._expires_after = expires_after
        self._clock = clock

    def sync(
        self, host: pci_host.Host, *, reason: str = ""
    ) -> tuple[claim_sync.Drift, ...]:
        """Take over what the hardware is now.

        New devices can be claimed from now on and vanished ones cannot. A
        held device that vanished, that is another one now, or whose PF got
        another number of VFs, is quarantined: nobody gets it until it was
        freed and a later look found it whole.

        :param host: With all its devices, as just read.
        :param reason: For the history.
        :returns: What is different, sorted by address.
        """
        seen: list[tuple[claim_sync.Drift, ...]] = [()]

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            found, change = claim_sync.compare(
                snapshot, host, self._cause(reason)
            )
            seen[0] = found
            return change

        self._store.change(self.host, decide)
        return seen[0]

    def claim(
        self,
        instance_uuid: str,
        request: pci_request.InstanceRequest,
        *,
        migration: str = "",
        reason: str = "",
    ) -> pci_claim.Claim:
        """Take devices for an instance: available -> claimed.

        Asked again for the same instance, migration and requests, it gives
        the same claim.

        :param instance_uuid: Of the instance, 1 to 36 characters.
        :param request: What it asks for; its ports are not judged.
        :param migration: The move that brings the instance here.
        :param reason: For the history.
        :returns: The claim.
        """
        return self._take(
            choosing.Wanted(
                states.Act.CLAIM, instance_uuid, request, migration
            ),
            reason,
        )

    def attach(
        self,
        instance_uuid: str,
        request: pci_request.InstanceRequest,
        *,
        reason: str = "",
    ) -> pci_claim.Claim:
        """Take devices for one port of a running instance.

        :param instance_uuid: Of the instance.
        :param request: With the requests of that port only.
        :param reason: For the history.
        :returns: The claim, to be confirmed once the port is attached.
        """
        return self._take(
            choosing.Wanted(states.Act.ATTACH, instance_uuid, request), reason
        )

    @contextlib.contextmanager
    def claiming(
        self,
        instance_uuid: str,
        request: pci_request.InstanceRequest,
        *,
        migration: str = "",
        reason: str = "",
    ) -> Iterator[pci_claim.Claim]:
        """Claim for a block: confirmed at its end, aborted on any error.

        The side of a move is confirmed too, and stays a side until the move
        is finished or reverted. A claim that an earlier block has confirmed
        stays; a note of the error says so.

        :param instance_uuid: Of the instance.
        :param request: What it asks for.
        :param migration: The move that brings the instance here.
        :param reason: For the history.
        :yields: The claim.
        """
        claim = self.claim(
            instance_uuid, request, migration=migration, reason=reason
        )
        try:
            yield claim
        except BaseException as error:
            try:
                self.abort(claim.claim_id, reason=f"{type(error).__name__}")
            except exception.PciSchedException as failure:
                # What went wrong first matters more.
                error.add_note(f"The claim stays. {failure}")
            raise
        self.confirm(claim.claim_id)

    def confirm(self, claim_id: str, *, reason: str = "") -> pci_claim.Claim:
        """Say that the devices are in use: claimed -> allocated.

        :param claim_id: Of a live claim.
        :param reason: For the history.
        :returns: The claim.
        """
        decide = functools.partial(
            acts.confirm, claim_id=claim_id, cause=self._cause(reason)
        )
        try:
            return self._store.change(self.host, decide).claims[claim_id]
        except exception.ClaimUnknown:
            endings.explain_end(self._store, self.host, claim_id)
            raise

    def abort(self, claim_id: str, *, reason: str = "") -> None:
        """Give up a claim that was not confirmed: claimed -> aborted.

        :param claim_id: Of a claim; one that has ended may be aborted again.
        :param reason: For the history.
        :raises exception.ClaimUnknown: If there never was such a claim.
        """
        cause = self._cause(reason)

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            claim = snapshot.claims.get(claim_id)
            if claim is None:
                return None
            return acts.end([claim], states.Act.ABORT, cause)

        self._store.change(self.host, decide)
        if not self._store.history(self.host, claim_id=claim_id, last=1):
            raise exception.ClaimUnknown(claim_id, self.host.name)

    def detach(
        self, instance_uuid: str, request: str, *, reason: str = ""
    ) -> None:
        """Give back the devices of one request of an instance.

        :param instance_uuid: Of the instance.
        :param request: The id of the request or of its port.
        :param reason: For the history.
        :raises exception.RequestInvalid: If no request is named.
        """
        if not request:
            raise exception.RequestInvalid(
                "request is empty; it names the request, or the port, whose"
                " devices go back"
            )
        self._store.change(
            self.host,
            functools.partial(
                acts.detach,
                instance_uuid=instance_uuid,
                request=request,
                cause=self._cause(reason),
            ),
        )

    def release(self, instance_uuid: str, *, reason: str = "") -> None:
        """Give back all devices that an instance has on this host.

        :param instance_uuid: Of the instance; it may have none.
        :param reason: For the history.
        """
        cause = self._cause(reason)

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            claims = snapshot.claims_of(instance_uuid)
            if not claims:
                return None
            return acts.end(claims, states.Act.RELEASE, cause)

        self._store.change(self.host, decide)

    def finish_move(
        self, instance_uuid: str, migration: str, *, reason: str = ""
    ) -> None:
        """End a move well, on its source and on its destination alike.

        The source's devices are free at once. What the move brought here
        stays and is allocated.

        :param instance_uuid: Of the instance.
        :param migration: Of the move.
        :param reason: For the history.
        """
        endings.end_move(
            self._store,
            self.host,
            states.Act.FINISH_MOVE,
            acts.finish_move,
            instance_uuid=instance_uuid,
            migration=migration,
            cause=self._cause(reason),
        )

    def revert_move(
        self, instance_uuid: str, migration: str, *, reason: str = ""
    ) -> None:
        """Take a move back, on its source and on its destination alike.

        What the move brought here is free at once; what the instance had
        before stays.

        :param instance_uuid: Of the instance.
        :param migration: Of the move.
        :param reason: For the history.
        """
        endings.end_move(
            self._store,
            self.host,
            states.Act.REVERT_MOVE,
            acts.revert_move,
            instance_uuid=instance_uuid,
            migration=migration,
            cause=self._cause(reason),
        )

    def expire(self) -> tuple[pci_claim.Claim, ...]:
        """End the claims that nobody confirmed in time.

        A claim does so too before it looks for devices.

        :returns: The claims that ended.
        """
        ended: list[pci_claim.Claim] = []
        cause = self._cause("nobody confirmed it in time")

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            ended[:] = choosing.expired(snapshot, cause.at)
            return acts.end(ended, states.Act.EXPIRE, cause) if ended else None

        self._store.change(self.host, decide)
        return tuple(ended)

    def audit(
        self, truths: claim_truths.Truths
    ) -> tuple[finding.Finding, ...]:
        """Hold the ledger and its history against what others say.

        :param truths: What others say.
        :returns: What was found, by code and address.
        """
        return upkeep.find(self._store, self.host, truths, self._clock())

    def repair(
        self,
        wanted: claim_repair.Wanted,
        truths: claim_truths.Truths,
        *,
        dry_run: bool = True,
        reason: str = "",
    ) -> claim_repair.Outcome:
        """Do what is safe about the findings of an audit.

        Nothing that an instance known to any of the truths uses becomes
        available by it.

        :param wanted: Findings of an audit, or all of some codes.
        :param truths: What others say.
        :param dry_run: Whether to write nothing.
        :param reason: For the history.
        :returns: What was done, or would be.
        """
        act = upkeep.rehearse if dry_run else upkeep.repair
        cause = self._cause(reason)
        return act(self._store, self.host, wanted, truths, cause)

    def snapshot(self) -> claim_snapshot.Snapshot:
        """Read the host's ledger as it is now."""
        return self._store.read(self.host)

    def holdings(
        self, instance_uuid: str | None = None
    ) -> tuple[pci_claim.Holding, ...]:
        """List the devices that are held.

        :param instance_uuid: Only by this instance.
        :returns: Sorted by address.
        """
        return tuple(
            sorted(
                holding
                for claim in self.snapshot().claims.values()
                if instance_uuid in (None, claim.instance_uuid)
                for holding in claim.holdings
            )
        )

    def _take(self, wanted: choosing.Wanted, reason: str) -> pci_claim.Claim:
        cause = self._cause(reason)
        expires_at = None
        if self._expires_after is not None:
            expires_at = cause.at + self._expires_after
        choose = functools.partial(
            choosing.choose,
            wanted=wanted,
            options=self._options,
            cause=cause,
            expires_at=expires_at,
        )

        def decide(
            snapshot: claim_snapshot.Snapshot,
        ) -> claim_change.Change | None:
            endings.refuse_late(self._store, self.host, snapshot, wanted)
            return choose(snapshot)

        snapshot = self._store.change(self.host, decide)
        claim = snapshot.claim_of_key(wanted.key)
        if claim is None:
            raise exception.ClaimUnknown(wanted.key, self.host.name)
        return claim

    def _cause(self, reason: str) -> acts.Cause:
        return acts.Cause(self._clock(), self._actor, reason)
