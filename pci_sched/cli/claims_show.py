# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims show``: a claim, live or ended, or all of an instance."""

import argparse
from collections.abc import Sequence
from typing import Any

from pci_sched import exception
from pci_sched.claims import change as claim_change
from pci_sched.claims import claim as pci_claim
from pci_sched.claims import states
from pci_sched.cli import claims, command, facts

COLUMNS = (
    "claim_id",
    "state",
    "instance_uuid",
    "migration",
    "moving",
    "since",
    "until",
    "expires",
    "devices",
    "requests",
    "ports",
    "reason",
)


class Show(claims.LedgerLister):
    """Show a claim, or every claim that an instance has or had.

    Of claims that ended the history tells; a claim that nobody ever made, or
    that `pci-pool db purge` has forgotten, is an error.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the argument of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "which",
            metavar="CLAIM|INSTANCE",
            help="the id of a claim, or the UUID of an instance",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the ledger and the history of the claim."""
        which: str = parsed_args.which
        with claims.opened(parsed_args, self.app) as (store, host):
            snapshot = store.read(host)
            steps = store.history(host, claim_id=which) or store.history(
                host, instance_uuid=which
            )
        past: dict[str, list[claim_change.Step]] = {
            claim.claim_id: []
            for claim in snapshot.claims.values()
            if which in (claim.claim_id, claim.instance_uuid)
        }
        for step in steps:
            if step.claim_id and step.state:
                past.setdefault(step.claim_id, []).append(step)
        if not past:
            raise exception.ClaimUnknown(which, host.name)
        return COLUMNS, [
            _live(snapshot.claims[claim_id], each)
            if claim_id in snapshot.claims
            else _ended(each)
            for claim_id, each in past.items()
        ]


def _live(
    claim: pci_claim.Claim, steps: Sequence[claim_change.Step]
) -> tuple[Any, ...]:
    return (
        claim.claim_id,
        claim.state.value,
        claim.instance_uuid,
        claim.migration or facts.NONE,
        claim.is_moving,
        claims.moment(claim.created_at),
        facts.NONE,
        claims.moment(claim.expires_at),
        *_held(claim.holdings),
        _reason(steps),
    )


def _ended(steps: Sequence[claim_change.Step]) -> tuple[Any, ...]:
    first, last = steps[0], steps[-1]
    return (
        first.claim_id,
        (last.state or states.ClaimState.FREED).value,
        first.instance_uuid,
        first.migration or facts.NONE,
        False,
        claims.moment(first.at),
        claims.moment(last.at),
        facts.NONE,
        *_held(first.holdings),
        _reason(steps),
    )


def _held(
    holdings: Sequence[pci_claim.Holding],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """List the devices, and each request and port once."""
    requests = dict.fromkeys(each.request_id for each in holdings)
    ports = dict.fromkeys(each.port_id for each in holdings if each.port_id)
    return (
        claims.devices(each.address for each in holdings),
        tuple(filter(None, requests)),
        tuple(ports),
    )


def _reason(steps: Sequence[claim_change.Step]) -> str:
    """Give the reason of the last step that has one."""
    given = [step.reason for step in steps if step.reason]
    return given[-1] if given else facts.NONE
