# SPDX-License-Identifier: Apache-2.0
"""``pci-pool claims history``: what was done, when, by whom and why."""

import argparse
from typing import Any

from pci_sched.claims import change as claim_change
from pci_sched.cli import claims, command, facts

COLUMNS = (
    "at",
    "act",
    "state",
    "instance_uuid",
    "claim_id",
    "migration",
    "devices",
    "actor",
    "reason",
)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


# argparse writes the name of the type into its message.
_positive.__name__ = "number of steps"


class History(claims.LedgerLister):
    """Show the history of a host, the oldest step first.

    The history is never changed; what is shown was written together with
    what it tells of. Of claims that ended long ago `pci-pool db purge` may
    have forgotten all.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--instance", metavar="UUID", help="only of this instance"
        )
        parser.add_argument("--claim", metavar="ID", help="only of this claim")
        parser.add_argument(
            "--migration", metavar="UUID", help="only of this move"
        )
        parser.add_argument(
            "--last",
            type=_positive,
            metavar="N",
            help="only the newest N steps",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the steps that the options choose."""
        with claims.opened(parsed_args, self.app) as (store, host):
            steps = store.history(
                host,
                instance_uuid=parsed_args.instance,
                claim_id=parsed_args.claim,
                migration=parsed_args.migration,
                last=parsed_args.last,
            )
        return COLUMNS, [row(step) for step in steps]


def row(step: claim_change.Step) -> tuple[Any, ...]:
    """Write a step as a row.

    :param step: A line of the history.
    :returns: A value for each of ``COLUMNS``.
    """
    return (
        claims.moment(step.at),
        step.act.value,
        step.state.value if step.state else facts.NONE,
        step.instance_uuid or facts.NONE,
        step.claim_id or facts.NONE,
        step.migration or facts.NONE,
        claims.devices(each.address for each in step.holdings),
        step.actor or facts.NONE,
        step.reason or facts.NONE,
    )
