# SPDX-License-Identifier: Apache-2.0
"""``pci-pool check``: a nova.conf and a ledger, held against the hardware."""

import argparse
from collections.abc import Iterator
import pathlib

from pci_sched import exception
from pci_sched.cli import command, main, source
from pci_sched.cli.lint import rules
from pci_sched.inputs import nova_conf
from pci_sched.model import host as pci_host

#: Read where no other is named.
NOVA_CONF = source.NOVA_CONF

COLUMNS = ("code", "where", "message", "advice")

_Row = tuple[str, str, str, str]


def _files(parsed_args: argparse.Namespace) -> list[pathlib.Path] | None:
    """Name the configuration files: those given, or this machine's.

    Where a ledger is looked at, there may be none.
    """
    files: list[pathlib.Path] = parsed_args.config_file
    if source.has_configuration(parsed_args):
        return files
    is_other = parsed_args.root or parsed_args.document
    if is_other or not source.is_there(NOVA_CONF):
        if parsed_args.db is not None:
            return None
        raise exception.InputInvalid(
            "which nova.conf? Name it by --config-file, or its directory by"
            f" --config-dir ({NOVA_CONF} is taken for this machine only, if"
            " it is there)"
        )
    return [NOVA_CONF]


class Check(command.HostLister):
    """Find what is wrong or fragile in [pci]device_spec and [pci]alias.

    The options of a nova.conf are held against the devices of a host; with
    --db, so is the ledger of the host. The exit code is 0 if nothing was
    found, 1 if the check could not run, 3 if anything was found. Each code is
    explained in the documentation.
    """

    _found = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of a check that looks into a ledger."""
        parser = super().get_parser(prog_name)
        group = parser.add_argument_group("ledger")
        group.add_argument(
            "--db",
            metavar="URL|PATH",
            help="the database of a ledger, or its file: hold the hardware"
            " against it, too; a nova.conf is not needed then",
        )
        group.add_argument(
            "--instances",
            type=pathlib.Path,
            metavar="FILE",
            help="the instances that the hypervisor knows, as for pci-pool"
            " claims audit: look at the drivers of their VFs",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the configuration and the host, and apply every rule."""
        if parsed_args.instances is not None and parsed_args.db is None:
            raise exception.InputInvalid("--instances needs --db")
        files = _files(parsed_args)
        config = None
        if files is not None:
            config = nova_conf.read(files, parsed_args.config_dir)
        host = source.read_hardware(parsed_args, self.app.stderr)
        rows: list[_Row] = []
        if config is not None:
            rows += [
                (each.code.value, each.where, each.message, each.advice)
                for each in rules.lint(host, config)
            ]
        if parsed_args.db is not None:
            rows += self._drift(parsed_args, host, config)
        self._found = bool(rows)
        return COLUMNS, rows

    def _drift(
        self,
        parsed_args: argparse.Namespace,
        host: pci_host.Host,
        config: nova_conf.NovaPciConfig | None,
    ) -> Iterator[_Row]:
        """Hold the hardware against the ledger."""
        # What judges a ledger is slow to import, and only --db needs it.
        from pci_sched.cli import check_drift

        if config is not None:
            host = check_drift.selected(host, config)
        for each in check_drift.find(parsed_args, self.app, host):
            where = ", ".join(map(str, each.addresses))
            yield (each.code.value, where, each.message, each.advice)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the check; the exit code says whether anything was found."""
        code = super().run(parsed_args)
        return main.EXIT_FINDINGS if self._found else code
