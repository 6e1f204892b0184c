# SPDX-License-Identifier: Apache-2.0
"""``pci-pool dump``: pools and devices of hosts, as a table or a picture."""

import argparse
import importlib
import pathlib
from typing import TYPE_CHECKING, Any

from pci_sched.cli import (
    claims,
    command,
    device_table,
    dump_nova,
    ledger_status,
    pool_table,
    selection,
)
from pci_sched.inputs import pci_ids
from pci_sched.model import host as pci_host
from pci_sched.pools import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence


def _speaks_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").startswith("utf")


def _names(parsed_args: argparse.Namespace) -> pool_table.Names:
    return pci_ids.PciIds.read(parsed_args.pci_ids).name


class Dump(command.HostLister):
    """Show a host's pools of PCI devices, or its devices.

    A pool is what a scheduler cannot tell apart: the same type, ids, NUMA
    node, PF and tags. A "?" is what nobody can know from here: a live tree
    knows nothing of claims, unless --db names a ledger. With --nova-db, Nova's
    own records of all its hosts are shown, or of one. The formats tree, dot
    and svg draw the path from the root complex to each device; prometheus is
    for a node exporter's textfile collector.
    """

    pictures = ("dot", "prometheus", "svg", "tree")
    knows_nova = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        selection.add_options(parser)
        parser.add_argument(
            "--devices",
            action="store_true",
            help="list the devices instead of their pools",
        )
        parser.add_argument(
            "--no-collapse",
            action="store_true",
            help="give each VF a line of its own in the tree, alike or not",
        )
        parser.add_argument(
            "--db",
            metavar="URL",
            help="the database of a ledger, which says who holds the devices"
            " of the host (the one of this name, or the only one)",
        )
        parser.add_argument(
            "--pci-ids",
            type=pathlib.Path,
            metavar="FILE",
            help="the file of vendor and product names (by default the"
            " system's)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> command.Table:
        """Read the host and make rows, or one finished text, of it."""
        if parsed_args.nova_db:
            return self._show_nova(parsed_args)
        host = self.read_host(parsed_args)
        if parsed_args.db is not None:
            host = self._ask_ledger(parsed_args, host)
        wanted = selection.Selection.of(parsed_args, host)
        return self._show(parsed_args, _names(parsed_args), host, wanted)

    def _show(
        self,
        parsed_args: argparse.Namespace,
        names: pool_table.Names,
        host: pci_host.Host,
        wanted: selection.Selection,
    ) -> command.Table:
        """Show one host."""
        if parsed_args.formatter in self.pictures:
            # Metrics count devices: the way to them must not be counted.
            is_metrics = parsed_args.formatter == "prometheus"
            narrow = wanted.narrow if is_metrics else wanted.narrow_tree
            text = self._draw(parsed_args, narrow(host), names)
            return ("text",), [(text,)]
        if parsed_args.devices:
            devices = wanted.narrow(host).devices
            return device_table.COLUMNS, device_table.rows(devices, names)
        pools = ledger.Ledger.of(host.devices, wanted.wants).pools
        return pool_table.COLUMNS, pool_table.rows(pools, names)

    def _show_nova(self, parsed_args: argparse.Namespace) -> command.Table:
        """Show what Nova's databases have, a host in each row."""
        found = dump_nova.read(parsed_args, self.app)
        names = _names(parsed_args)
        if parsed_args.formatter in self.pictures:
            return self._show(parsed_args, names, *dump_nova.only(found))
        columns: Sequence[str] = ()
        rows: list[Sequence[Any]] = []
        for host, wanted in found:
            columns, shown = self._show(parsed_args, names, host, wanted)
            rows += [(host.name, *row) for row in shown]
        return (dump_nova.COLUMN, *columns), rows

    def _ask_ledger(
        self, parsed_args: argparse.Namespace, host: pci_host.Host
    ) -> pci_host.Host:
        """Let the ledger say who holds what."""
        with claims.opened(parsed_args, self.app, host.name) as (store, key):
            return ledger_status.fill_in(host, store.read(key))

    def _draw(
        self,
        parsed_args: argparse.Namespace,
        host: pci_host.Host,
        names: pool_table.Names,
    ) -> str:
        """Draw the host in the format that was asked for."""
        formatter = parsed_args.formatter
        # The graph library is slow to import, and only pictures need it.
        renderer = importlib.import_module(f"pci_sched.cli.render.{formatter}")
        options = {"names": names, "show_all": parsed_args.all}
        if formatter == "prometheus":
            options = {}
        elif formatter == "tree":
            options |= {
                "collapse": not parsed_args.no_collapse,
                "ascii_only": not _speaks_unicode(self.app.stdout.encoding),
            }
        text: str = renderer.render(host, **options)
        return text
