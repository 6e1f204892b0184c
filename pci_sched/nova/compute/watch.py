# SPDX-License-Identifier: Apache-2.0
"""A compute's look at its own hardware, in a thread of its own.

Nova looks when nova-compute starts and never again. Here /sys is read anew
for each audit, and held against what this process saw before.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import os
import threading
import time
from typing import Final

from pci_sched import exception
from pci_sched.inputs import hosts
from pci_sched.model import address as pci_address
from pci_sched.model import host as pci_host
from pci_sched.nova import threads
from pci_sched.nova.compute import sights

#: A scan that takes longer than this is spoken of.
SLOW_S: Final = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What is known of the hardware.

    :ivar host: All of /sys; ``None`` before the first scan has ended.
    :ivar missing: Devices that this process saw and that vanished or are
        other ones now, until they are seen whole again; and why, for a
        person. A device that was never in /sys is not among them.
    :ivar news: Sentences for a person. Each is in one look only.
    :ivar time_s: When the scan began, in seconds since 1970 UTC.
    :ivar at_s: The same by a clock that never goes back.
    """

    host: pci_host.Host | None = None
    missing: Mapping[pci_address.PciAddress, str] = dataclasses.field(
        default_factory=dict
    )
    news: tuple[str, ...] = ()
    time_s: int | None = None
    at_s: float | None = None


def _start(function: Callable[[], None]) -> None:
    threads.start(function, "pci_sched watch")


@dataclasses.dataclass(slots=True, eq=False)
class _Scan:
    """One reading of the hardware.

    :ivar is_told: Whether somebody was told how long it takes.
    """

    began_at: float
    time_s: int
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    is_told: bool = False


class HardwareWatch:
    """Looks at the hardware of one host again and again.

    Safe under threads. Nothing is read before the first look.

    :param root: ``/``, or the directory below which /sys of the host is.
    :param read: Reads the hardware; may raise anything and take any time.
    :param clock: Seconds that never go back.
    :param now: Seconds since 1970 UTC.
    :param spawn: Runs a function beside the caller.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = "/",
        *,
        read: Callable[[], pci_host.Host] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        spawn: Callable[[Callable[[], None]], object] = _start,
    ) -> None:
        self._root = root
        self._read = read or functools.partial(hosts.read_host, root)
        self._clock = clock
        self._now = now
        self._spawn = spawn
        self._lock = threading.Lock()
        # All below needs the lock; the memory is changed by one scan at a
        # time, which may read it without.
        self._memory: sights.Memory | None = None
        self._seen: _Scan | None = None
        self._scan: _Scan | None = None
        self._news: list[str] = []
        self._trouble = ""

    def look(self, wait_s: float) -> Look:
        """Begin to read the hardware, unless that is under way; never raises.

        :param wait_s: How many seconds to wait for it at most.
        :returns: The newest that there is.
        """
        self._begin().done.wait(wait_s)
        with self._lock:
            news, self._news = tuple(self._news), []
            memory, seen = self._memory, self._seen
            if memory is None or seen is None:
                return Look(news=news)
            times = seen.time_s, seen.began_at
            return Look(memory.host, memory.missing, news, *times)

    def _begin(self) -> _Scan:
        """Give the scan to wait for."""
        with self._lock:
            if self._scan is not None:
                self._mind(self._scan)
                return self._scan
            scan = self._scan = _Scan(self._clock(), int(self._now()))
        try:
            self._spawn(functools.partial(self._run, scan))
        except Exception as err:  # noqa: BLE001 - Nova's audit has to go on
            self._end(scan, None, f"no thread can be started: {err}")
        return scan

    def _mind(self, scan: _Scan) -> None:
        """Speak once of a scan that does not end."""
        age_s = self._clock() - scan.began_at
        if age_s > SLOW_S and not scan.is_told:
            scan.is_told = True
            self._tell(f"it has taken {age_s:.0f} s so far")

    def _run(self, scan: _Scan) -> None:
        found: tuple[sights.Memory, tuple[str, ...]] | None = None
        # It stays so if something is raised that is no Exception, as
        # eventlet does to stop a thread.
        trouble = "it was stopped"
        try:
            # Under eventlet a tree that hangs would stop the whole process.
            host = threads.natively(self._read)
            self._refuse_nothing(host)
            found = sights.compare(self._memory, host)
        except Exception as err:  # noqa: BLE001 - nobody else would see it
            trouble = f"{type(err).__name__}: {err}"
        finally:
            self._end(scan, found, trouble)

    def _refuse_nothing(self, host: pci_host.Host) -> None:
        """Refuse a tree that lost all of its devices at once.

        No hardware does that, but a mount that is gone looks like it.
        """
        had_any = self._memory is not None and self._memory.records
        if had_any and not host.devices:
            raise exception.SysfsNotFound("no PCI device is there now")

    def _end(
        self,
        scan: _Scan,
        found: tuple[sights.Memory, tuple[str, ...]] | None,
        trouble: str,
    ) -> None:
        with self._lock:
            self._scan = None
            if found is None:
                self._tell(trouble)
            else:
                self._memory, news = found
                self._seen = scan
                if self._trouble:
                    self._news.append("the hardware can be looked at again")
                self._trouble = ""
                self._news += news
        scan.done.set()

    def _tell(self, trouble: str) -> None:
        """Say that looking fails, once until it works again."""
        if not self._trouble:
            self._news.append(
                f"the hardware below {self._root} cannot be looked at:"
                f" {trouble}; what was seen of it before is believed as long"
            )
        self._trouble = trouble
