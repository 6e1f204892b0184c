# SPDX-License-Identifier: Apache-2.0
"""The file ``[pci_sched]agents_file``, read again when it changes."""

import pathlib
from typing import NamedTuple

from oslo_log import log as logging

from pci_sched import exception
from pci_sched.inputs import agents_file, fact_sources
from pci_sched.nova import agents_list

LOG = logging.getLogger(__name__)

#: Path, time of change, size and inode: a file with the same is the same.
_Mark = tuple[str, int, int, int]


class _Kept(NamedTuple):
    mark: _Mark | None
    listing: agents_list.Listing


_NOTHING = _Kept(None, agents_list.Listing(None, None, "not read yet"))
_UNSET = _Kept(None, agents_list.Listing(None, None, "agents_file is not set"))


class AgentsFile:
    """The hosts of the file, as they were when it could last be read.

    Each reading replaces the one before as a whole, so that threads may share
    this.
    """

    def __init__(self) -> None:
        self._kept = _NOTHING

    def read(self, path: str) -> agents_list.Listing:
        """Read the file, if it is not the one that was read last.

        A file that cannot be read now is served as it was, if it ever could
        be; one WARNING for each change says what is wrong.

        :param path: The option; "" for none.
        :returns: Its hosts.
        """
        if not path:
            return self._miss()
        kept = self._kept
        try:
            mark = _mark(path)
            if kept.mark == mark:
                return kept.listing
            text = pathlib.Path(path).read_text(encoding="utf-8")
            hosts = fact_sources.collect(agents_file.read(text))
        except (OSError, UnicodeError, exception.DocumentInvalid) as err:
            self._kept = _fail(kept, path, err)
        else:
            self._kept = _Kept(mark, agents_list.Listing(hosts, None, ""))
        return self._kept.listing

    def _miss(self) -> agents_list.Listing:
        if self._kept != _UNSET:
            self._kept = _UNSET
            LOG.warning(
                "[pci_sched]fact_sources names a file, and agents_file is not"
                " set; nothing is known of the L2 agents of hosts from it"
            )
        return _UNSET.listing


def _mark(path: str) -> _Mark:
    found = pathlib.Path(path).stat()
    return path, found.st_mtime_ns, found.st_size, found.st_ino


def _fail(kept: _Kept, path: str, err: Exception) -> _Kept:
    """Keep the hosts of the last good reading of the same file."""
    same = kept.mark is not None and kept.mark[0] == path
    hosts = kept.listing.hosts if same else None
    note = f"{path}: {err}"
    if note != kept.listing.note:
        LOG.warning(
            "The L2 agents of hosts cannot be read from a file (%s); %s",
            note,
            "nothing is known of them"
            if hosts is None
            else "the last are kept",
        )
    return _Kept((path, 0, 0, 0), agents_list.Listing(hosts, None, note))
