# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db current``: the revision of a ledger."""

import argparse

from pci_sched.cli import command, ledger_source
from pci_sched.db import compatibility, migration

COLUMNS = ("ledger", "revision", "newest", "oldest_writer", "writer")


class Current(command.Listing):
    """Show the revision of a ledger's tables, and of this library.

    This library writes if its own number as a writer is at least that of the
    oldest one that the database allows.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        ledger_source.add_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the revision."""
        place = ledger_source.find(parsed_args, self.app)
        with ledger_source.connected(parsed_args, self.app) as connection:
            revision = migration.current(connection)
            oldest = compatibility.oldest_writer(connection)
        row = (
            str(place),
            revision or "base",
            migration.newest(),
            oldest,
            compatibility.WRITER,
        )
        return COLUMNS, [row]
