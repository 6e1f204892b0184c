# SPDX-License-Identifier: Apache-2.0
"""``pci-pool db check``: whether a ledger's tables are as they should be."""

import argparse

from pci_sched.cli import command, ledger_source, main
from pci_sched.db import drift

COLUMNS = drift.Finding._fields


class Check(command.Listing):
    """Find what is wrong with the tables and triggers of a ledger.

    The exit code is 0 if nothing was found, 1 if the check could not run, 3
    if anything was found. Each code is explained in the documentation.
    """

    _found = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        ledger_source.add_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Compare the database with what this library writes to."""
        place = ledger_source.find(parsed_args, self.app)
        findings: tuple[drift.Finding, ...] = ()
        if place.path is not None:
            findings = drift.look_at_file(place.path)
        with ledger_source.connected(parsed_args, self.app) as connection:
            findings = (*drift.look(connection), *findings)
        self._found = bool(findings)
        return COLUMNS, findings

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the check; the exit code says whether anything was found."""
        code = super().run(parsed_args)
        return main.EXIT_FINDINGS if self._found else code
