# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db upgrade``: make or renew the tables of a ledger."""

import argparse

from pci_sched.cli import command, ledger_source
from pci_sched.db import migration


class Upgrade(command.Verb):
    """Bring the tables of a ledger to this library's revision, or another.

    A SQLite file is made if it is not there. Others may write meanwhile, as
    long as the release notes of the version do not say otherwise. The exit
    code is 0 if the database is at the revision, 1 if not.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "revision",
            metavar="REVISION",
            nargs="?",
            default="head",
            help="the revision to reach (by default the newest)",
        )
        ledger_source.add_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Upgrade, and say from where to where."""
        with (
            ledger_source.connected(
                parsed_args, self.app, for_migration=True, makes=True
            ) as connection,
            connection.begin(),
        ):
            before = migration.current(connection)
            migration.upgrade(connection, parsed_args.revision)
            after = migration.current(connection)
        place = ledger_source.find(parsed_args, self.app)
        change = "" if before == after else f", was {before or 'base'}"
        self.app.stdout.write(f"{place}: {after}{change}\n")
        return 0
