# SPDX-License-Identifier: Apache-2.0
"""``pci-pool record``: a host, written down as a document."""

import argparse
import json
import os
import pathlib
import tempfile

from pci_sched import exception
from pci_sched.cli import command
from pci_sched.inputs import document_writer, redaction


def _replace(path: pathlib.Path, text: str) -> None:
    """Put a new file in place of one that may be there."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, delete=False
    ) as file:
        try:
            file.write(text)
            # A full disk must be noticed before the old file is gone.
            file.flush()
            # As an ordinary new file: the temporary one is private.
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
            pathlib.Path(file.name).replace(path)
        except BaseException:
            pathlib.Path(file.name).unlink()
            raise


def _write(path: pathlib.Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to, never replaced.
            path.write_text(text, encoding="utf-8")
        else:
            _replace(pathlib.Path(os.path.realpath(path)), text)
    except OSError as error:
        raise exception.InputInvalid(
            f"{path}: cannot be written: {error.strerror}"
        ) from error


class Record(command.HostCommand):
    """Write a host down, so that any verb can look at it elsewhere.

    The document holds every PCI function, and the bridges on the path to
    it. It is what a bug report should carry.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of this verb."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--redact",
            action="store_true",
            help="replace MACs, serial numbers and instance ids, equal ones"
            " by equal ones",
        )
        parser.add_argument(
            "--output",
            type=pathlib.Path,
            metavar="FILE",
            help="the file to write (by default standard output)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Read the host and write the document."""
        document = document_writer.write(self.read_host(parsed_args))
        if parsed_args.redact:
            document = redaction.redact(document)
        text = json.dumps(document, indent=1) + "\n"
        if parsed_args.output:
            _write(parsed_args.output, text)
        else:
            self.app.stdout.write(text)
