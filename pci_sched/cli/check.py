# SPDX-License-Identifier: Apache-2.0
"""``pci-pool check``: a nova.conf, held against the hardware."""

import argparse
from collections.abc import Iterable, Sequence
import pathlib
from typing import Any

from pci_sched import exception
from pci_sched.cli import command, main, source
from pci_sched.cli.lint import rules
from pci_sched.inputs import nova_conf

#: Read where no other is named.
NOVA_CONF = source.NOVA_CONF

COLUMNS = ("code", "where", "message", "advice")

_Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def _files(parsed_args: argparse.Namespace) -> list[pathlib.Path]:
    """Name the configuration files: those given, or this machine's."""
    files: list[pathlib.Path] = parsed_args.config_file
    if source.has_configuration(parsed_args):
        return files
    is_other = parsed_args.root or parsed_args.document
    if is_other or not source.is_there(NOVA_CONF):
        raise exception.InputInvalid(
            "which nova.conf? Name it by --config-file, or its directory by"
            f" --config-dir ({NOVA_CONF} is taken for this machine only, if"
            " it is there)"
        )
    return [NOVA_CONF]


class Check(command.HostLister):
    """Find what is wrong or fragile in [pci]device_spec and [pci]alias.

    The options of a nova.conf are held against the devices of a host. The
    exit code is 0 if nothing was found, 1 if the check could not run, 3 if
    anything was found. Each code is explained in the documentation.
    """

    _found = False

    def take_action(self, parsed_args: argparse.Namespace) -> _Table:
        """Read the configuration and the host, and apply every rule."""
        files = _files(parsed_args)
        config = nova_conf.read(files, parsed_args.config_dir)
        host = source.read_hardware(parsed_args, self.app.stderr)
        findings = list(rules.lint(host, config))
        self._found = bool(findings)
        return COLUMNS, [
            (each.code.value, each.where, each.message, each.advice)
            for each in findings
        ]

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the check; the exit code says whether anything was found."""
        code = super().run(parsed_args)
        return main.EXIT_FINDINGS if self._found else code
