# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db downgrade``: take the tables of a ledger back."""

import argparse

from pci_sched import exception
from pci_sched.cli import command, ledger_source
from pci_sched.db import migration


class Downgrade(command.Verb):
    """Take the tables of a ledger back to an older revision.

    What the newer ones added is lost, and is named before. The exit code is 0
    if the database is at the revision, 1 if not.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "revision",
            metavar="REVISION",
            help="the revision to go back to; base drops all tables",
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="go on although rows are lost",
        )
        ledger_source.add_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Downgrade, and say from where to where, and what is lost."""
        revision: str = parsed_args.revision
        place = ledger_source.find(parsed_args, self.app)
        with (
            ledger_source.connected(
                parsed_args, self.app, for_migration=True
            ) as connection,
            connection.begin(),
        ):
            before = migration.current(connection)
            lost = _say(migration.losses(connection, revision))
            if lost and not parsed_args.yes:
                raise exception.LedgerRefused(
                    f"{place}: going back from {before} to {revision} drops"
                    f" {lost}. Nothing was changed. Stop all that writes to"
                    " it, keep a copy, and say --yes"
                )
            migration.downgrade(connection, revision)
            after = migration.current(connection) or "base"
        self.app.stdout.write(f"{place}: {after}, was {before or 'base'}\n")
        if lost:
            self.app.stdout.write(f"dropped: {lost}\n")
        return 0


def _say(losses: tuple[migration.Loss, ...]) -> str:
    return ", ".join(f"{loss.what} (rows: {loss.rows})" for loss in losses)
