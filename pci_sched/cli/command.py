# SPDX-License-Identifier: Apache-2.0
"""What the verbs share: formatters by name, and the host they look at."""

import argparse
from collections.abc import Iterable, Sequence
import importlib
from importlib import metadata
from typing import Any, TextIO

from cliff import app, command, lister
from cliff.formatters import base
import stevedore
from stevedore import extension

from pci_sched.cli import cells, source
from pci_sched.model import host as pci_host

#: cliff's own formatters for lists.
LIST_FORMATTERS = {
    "csv": "cliff.formatters.commaseparated:CSVLister",
    "json": "cliff.formatters.json_format:JSONFormatter",
    "table": "cliff.formatters.table:TableFormatter",
    "value": "cliff.formatters.value:ValueFormatter",
    "yaml": "cliff.formatters.yaml_format:YAMLFormatter",
}

_WITHOUT_TYPES = ("csv", "value")

#: The formatter of texts that are finished, for verbs that make such.
VERBATIM = "pci_sched.cli.command:Verbatim"

#: What a verb lists: the columns and the rows.
Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

_Formatters = stevedore.ExtensionManager[base.ListFormatter]


def _load(name: str, place: str) -> extension.Extension[base.ListFormatter]:
    module, _colon, attribute = place.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    entry_point = metadata.EntryPoint(name, place, "")
    return extension.Extension(name, entry_point, factory, factory())


def load_formatters(places: dict[str, str]) -> _Formatters:
    """Load formatters without a search through what is installed.

    The search would cost more than the whole rest of a dump.

    :param places: Where each formatter lives, as ``module:class``.
    :returns: A manager as cliff expects it.
    """
    loaded = [_load(name, place) for name, place in places.items()]
    return _Formatters.make_test_instance(loaded)


class Verbatim(base.ListFormatter):
    """Writes a text that is finished: the one cell of the one row."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """Add no options; those of a picture are its verb's."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        """Write the text."""
        for (text,) in data:
            stdout.write(text)


class Verb(command.Command):
    """A verb of ours, whatever it looks at."""

    def __init__(
        self,
        app: app.App,
        app_args: argparse.Namespace | None,
        cmd_name: str | None = None,
    ) -> None:
        """Build the verb, without cliff's hooks: we offer none."""
        super().__init__(app, app_args)
        self.cmd_name = cmd_name

    def get_epilog(self) -> str:
        """Add nothing: cliff would search all that is installed for it."""
        return ""


class HostCommand(Verb):
    """A verb that looks at one host."""

    #: Whether it reads Nova's databases, too.
    knows_nova = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that say which host."""
        parser = super().get_parser(prog_name)
        source.add_options(parser, knows_nova=self.knows_nova)
        return parser

    def read_host(self, parsed_args: argparse.Namespace) -> pci_host.Host:
        """Read the host that the options name.

        :param parsed_args: The options.
        :returns: The host.
        :raises exception.PciSchedException: If it cannot be read.
        """
        return source.read(parsed_args, self.app.stderr)


class Listing(Verb, lister.Lister):
    """A verb that lists something."""

    #: The formats beyond cliff's, whose one cell is a finished text.
    pictures: tuple[str, ...] = ()

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        """Write the rows, each value in the words of the format."""
        cell = cells.Cell
        if parsed_args.formatter in _WITHOUT_TYPES:
            cell = cells.TextCell
        if parsed_args.formatter not in self.pictures:
            data = [[cell(value) for value in row] for row in data]
        return super().produce_output(parsed_args, column_names, data)

    def _load_formatter_plugins(self) -> _Formatters:
        places = LIST_FORMATTERS | dict.fromkeys(self.pictures, VERBATIM)
        return load_formatters(places)


class HostLister(HostCommand, Listing):
    """A verb that lists something of one host."""
