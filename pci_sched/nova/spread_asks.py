# SPDX-License-Identifier: Apache-2.0
"""Which devices are to be kept apart, for whom only the requests are told.

Nova hands the requests for devices to a count of them, and nothing of the
flavor or of the ports. Whoever knows these says so before.
"""

from collections.abc import Iterable, Iterator
import contextlib
import threading
from typing import Any
import weakref

from pci_sched.inputs import nova_spread
from pci_sched.nova import neighbours

#: What is known of requests by themselves: in a scheduler, where one object
#: goes through all filters.
_OF_REQUESTS: weakref.WeakKeyDictionary[Any, nova_spread.Asks] = (
    weakref.WeakKeyDictionary()
)


class _Present(threading.local):
    """What holds for whatever this thread asks for at present."""

    asks = nova_spread.NOTHING
    beside: tuple[neighbours.Neighbour, ...] = ()


_PRESENT = _Present()


def note(requests: Iterable[Any], asks: nova_spread.Asks) -> None:
    """Remember what is asked for, as long as the requests are there.

    :param requests: ``nova.objects.InstancePCIRequest`` objects of a server.
    :param asks: What its flavor, its ports and the operator ask for.
    """
    is_nothing = asks == nova_spread.NOTHING
    if is_nothing and not _OF_REQUESTS:
        # So it is in most clouds, for each request.
        return
    for request in requests:
        if is_nothing:
            _OF_REQUESTS.pop(request, None)
        else:
            _OF_REQUESTS[request] = asks


@contextlib.contextmanager
def asking(
    asks: nova_spread.Asks, beside: tuple[neighbours.Neighbour, ...] = ()
) -> Iterator[None]:
    """Have this thread ask for something meanwhile.

    :param asks: What the flavor of a server, its ports and the operator ask
        for.
    :param beside: What the server has, if it gets more devices.

    :yields: Nothing.
    """
    before = _PRESENT.asks, _PRESENT.beside
    _PRESENT.asks, _PRESENT.beside = asks, beside
    try:
        yield
    finally:
        _PRESENT.asks, _PRESENT.beside = before


def recall(requests: Iterable[Any]) -> nova_spread.Asks:
    """Tell what is asked for with some requests.

    :param requests: ``nova.objects.InstancePCIRequest`` objects.
    :returns: Nothing, if nobody said.
    """
    if _PRESENT.asks is not nova_spread.NOTHING:
        return _PRESENT.asks
    try:
        for request in requests:
            if request in _OF_REQUESTS:
                return _OF_REQUESTS[request]
    except TypeError:
        # Nothing that Nova would ask for.
        pass
    return nova_spread.NOTHING


def beside() -> tuple[neighbours.Neighbour, ...]:
    """Tell what the server has that this thread asks for."""
    return _PRESENT.beside
