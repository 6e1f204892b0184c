# SPDX-License-Identifier: Apache-2.0
"""The ``pci-pool`` application: its verbs, its log and its exit codes."""

import argparse
from collections.abc import Sequence
from importlib import metadata
import logging
import sys
from typing import Any

from cliff import app, commandmanager

import pci_sched
from pci_sched.cli import secret_urls

#: What a shell sees. A usage error is cliff's own code, 2.
EXIT_CLEAN = 0
EXIT_COULD_NOT_RUN = 1
EXIT_FINDINGS = 3

_NAME = "pci-pool"

#: The verbs and where they live; a module is imported when its verb is used.
VERBS = {
    "check": "pci_sched.cli.check:Check",
    "claims audit": "pci_sched.cli.claims_audit:Audit",
    "claims history": "pci_sched.cli.claims_history:History",
    "claims list": "pci_sched.cli.claims_list:List",
    "claims repair": "pci_sched.cli.claims_audit:Repair",
    "claims show": "pci_sched.cli.claims_show:Show",
    "db check": "pci_sched.cli.db_check:Check",
    "db current": "pci_sched.cli.db_current:Current",
    "db downgrade": "pci_sched.cli.db_downgrade:Downgrade",
    "db purge": "pci_sched.cli.db_purge:Purge",
    "db upgrade": "pci_sched.cli.db_upgrade:Upgrade",
    "dump": "pci_sched.cli.dump:Dump",
    "explain": "pci_sched.cli.explain:Explain",
    "record": "pci_sched.cli.record:Record",
}


#: What others log below this is for --verbose: alembic tells each step, and
#: oslo.db each error before we say what it means.
_LOUD = {"alembic": logging.WARNING, "oslo_db": logging.CRITICAL}


class _Verbs(commandmanager.CommandManager):
    """The verbs above, without a search through what is installed."""

    def load_commands(self, namespace: str) -> None:
        """Take the verbs from the table instead of from entry points."""
        self.group_list.append(namespace)
        for name, place in VERBS.items():
            self.commands[name] = metadata.EntryPoint(name, place, namespace)


class PciPool(app.App):
    """The application.

    :ivar vault: What was hidden in the arguments.
    """

    NAME = _NAME
    LOG = logging.getLogger(_NAME)
    vault = secret_urls.Vault(())

    def __init__(self) -> None:
        """Build the application for this process's streams."""
        super().__init__(
            description="Show and check the PCI devices that a host can give"
            " to virtual machines.",
            version=pci_sched.__version__,
            command_manager=_Verbs("pci_sched.cli"),
            # Else --help behind a verb would be the help of all of them.
            deferred_help=True,
        )

    def run(self, argv: list[str]) -> int:
        """Run a verb; nothing secret gets to a parser or a log."""
        self.vault = secret_urls.Vault(argv)
        return super().run(self.vault.shown)

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """Call the program by its name, however it was started."""
        named = {"prog": _NAME, "conflict_handler": "resolve"}
        parser = super().build_option_parser(
            description, version, named | (argparse_kwargs or {})
        )
        # cliff's own says the name of the file that was started.
        parser.add_argument(
            "--version", action="version", version=f"{_NAME} {version}"
        )
        return parser

    def configure_logging(self) -> None:
        """Log as cliff does, without what only a developer wants."""
        super().configure_logging()
        is_verbose = self.options.verbose_level > self.DEFAULT_VERBOSE_LEVEL
        for name, level in _LOUD.items():
            logger = logging.getLogger(name)
            logger.setLevel(logging.NOTSET if is_verbose else level)

    def interact(self) -> None:
        """Print the help: there is nothing to be interactive about."""
        self.parser.print_help(self.stdout)


def whole(verbs: app.App, shown: str) -> str:
    """Give the value of an argument with all that was hidden of it.

    :param verbs: The application; others than ours have hidden nothing.
    :param shown: The value, as a parser has it.
    :returns: What was given: never to be shown.
    """
    return verbs.vault.whole(shown) if isinstance(verbs, PciPool) else shown


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``pci-pool``.

    :param argv: The arguments, those of the process by default.
    :returns: The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    return PciPool().run(arguments or ["help"])
