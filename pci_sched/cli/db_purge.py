# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db purge``: forget claims that ended long ago."""

import argparse
import datetime

from pci_sched.cli import command, ledger_source

COLUMNS = ("host", "node_uuid", "claims", "lines")

#: Nobody has a ledger that is older.
_MOST_DAYS = 36_500


def _days(text: str) -> int:
    """Read an age; who tries again asks the history, so it is not too low."""
    number = int(text)
    if not 1 <= number <= _MOST_DAYS:
        raise ValueError(text)
    return number


# argparse writes the name of the type into its message.
_days.__name__ = f"number of days from 1 to {_MOST_DAYS}"


class Purge(command.Listing):
    """Forget claims that ended long ago, with all of their history.

    Of claims that are live nothing is forgotten. Lists what is gone, one line
    for each host of the ledger that something is gone of.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--days",
            type=_days,
            required=True,
            metavar="DAYS",
            help="forget what ended more than so many days ago; at least 1",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="only tell what would be forgotten",
        )
        ledger_source.add_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Purge the history of each host in turn."""
        age = datetime.timedelta(days=parsed_args.days)
        before = datetime.datetime.now(datetime.UTC) - age
        store = ledger_source.open_store(parsed_args, self.app)
        rows = []
        try:
            for host in store.hosts():
                found = store.purge(host, before, dry_run=parsed_args.dry_run)
                if found.lines:
                    rows.append((host.name, host.node_uuid, *found))
        finally:
            store.close()
        return COLUMNS, rows
