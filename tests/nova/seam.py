# SPDX-License-Identifier: Apache-2.0
"""Switching the scheduler matcher on and off in this process."""

from collections.abc import Callable, Iterator
import contextlib

from nova import conf as nova_conf
from nova.pci import stats as nova_stats
from nova.scheduler import host_manager

from pci_sched import conf as pci_conf
from pci_sched.nova import scheduler_matcher

CONF = nova_conf.CONF

#: Called with ``on`` and other options of ``[pci_sched]``.
Switch = Callable[..., None]


@contextlib.contextmanager
def switching() -> Iterator[Switch]:
    """Set options; leaves Nova as it was found, seam and options."""
    pci_conf.register_opts(CONF)
    given: set[str] = set()

    def switch(*, on: bool = True, **options: object) -> None:
        for name, value in {"scheduler_matcher": on, **options}.items():
            CONF.set_override(name, value, group="pci_sched")
            given.add(name)
        scheduler_matcher.follow(CONF)

    yield switch
    switch(on=False)
    for name in given:
        CONF.clear_override(name, group="pci_sched")
    assert host_manager.pci_stats is nova_stats
