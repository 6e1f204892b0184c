# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims list``: who holds which device."""

import argparse
from collections.abc import Iterator
from typing import Any

from pci_sched.claims import claim as pci_claim
from pci_sched.claims import snapshot as claim_snapshot
from pci_sched.claims import states
from pci_sched.cli import claims, command, facts

COLUMNS = (
    "address",
    "dev_type",
    "physical_network",
    "state",
    "instance_uuid",
    "port_id",
    "since",
    "quarantine",
    "claim_id",
)

_LIVE = tuple(each.value for each in states.ClaimState if each.is_live)


class List(claims.LedgerLister):
    """List the devices of a host that are held, one line for each.

    The lines come from the ledger; the hardware is not looked at.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--instance",
            metavar="UUID",
            help="only what this instance holds",
        )
        parser.add_argument(
            "--state",
            choices=_LIVE,
            help="only of claims in this state",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the ledger and write a row for each device."""
        with claims.opened(parsed_args, self.app) as (store, host):
            snapshot = store.read(host)
        wanted = {
            claim_id: claim
            for claim_id, claim in snapshot.claims.items()
            if parsed_args.instance in (None, claim.instance_uuid)
            and parsed_args.state in (None, claim.state.value)
        }
        return COLUMNS, sorted(_rows(snapshot, wanted))


def _rows(
    snapshot: claim_snapshot.Snapshot, wanted: dict[str, pci_claim.Claim]
) -> Iterator[tuple[Any, ...]]:
    for claim in wanted.values():
        for holding in claim.holdings:
            record = snapshot.inventory.records[holding.address]
            yield (
                str(holding.address),
                record.device.dev_type.value,
                facts.physical_network(record.device),
                claim.state.value,
                claim.instance_uuid,
                holding.port_id or facts.NONE,
                claims.moment(claim.created_at),
                record.quarantine or facts.NONE,
                claim.claim_id,
            )
