# SPDX-License-Identifier: Apache-2.0
"""Why Neutron cannot be used, and what to do about it, in one line.

What is raised below comes from Nova, python-neutronclient, keystoneauth and
requests, and differs between their releases. It is told apart by status and
by the name of its class, so that none of them has to be imported.
"""

from collections.abc import Iterator
import contextlib

from pci_sched import exception

_SHOWN = 200

#: Neutron hides what a caller may not see from a list, and answers 200
#: (``neutron.pecan_wsgi.hooks.policy_enforcement``).
NO_AGENTS = (
    "Neutron shows no agent at all: the list is for administrators only, so"
    " give [neutron] in nova.conf the credentials of one; if there is no agent"
    ' in this cloud, take "neutron" out of [pci_sched]fact_sources'
)

_UNAUTHORIZED = (
    "401: Keystone or Neutron does not accept the credentials of [neutron] in"
    " nova.conf"
)
_FORBIDDEN = (
    "403: Neutron's policy does not let the user of [neutron] in nova.conf do"
    " it; give it the credentials of an administrator"
)

#: An error of one of these names is a 401, whatever status it has.
_CREDENTIALS = frozenset(
    {
        "NeutronAdminCredentialConfigurationInvalid",
        "Unauthorized",
    }
)

#: Nobody was reached, or nobody answered.
_AWAY = frozenset(
    {
        "ConnectFailure",
        "ConnectTimeout",
        "ConnectionError",
        "ConnectionFailed",
        "ConnectionRefusedError",
        "RetriableConnectionFailure",
        "SSLError",
        "TimeoutError",
        "UnknownConnectionError",
    }
)

#: What a proxy says of a server that is not there.
_AWAY_STATUS = frozenset({502, 503, 504})


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn every error within into one of ours.

    :param what: What was asked for, for the message.

    :yields: Nothing.
    :raises exception.NeutronUnusable: For any error.
    """
    try:
        yield
    except Exception as err:
        problem, nobody_is_there = _explain(err)
        raise exception.NeutronUnusable(
            f"{what}: {problem}", is_away=nobody_is_there
        ) from err


def _explain(err: Exception) -> tuple[str, bool]:
    names = {kind.__name__ for kind in type(err).__mro__}
    status = _read_status(err)
    if names & _CREDENTIALS or status == 401:
        return _UNAUTHORIZED, False
    if status == 403:
        return _FORBIDDEN, False
    return say(err), bool(names & _AWAY) or status in _AWAY_STATUS


def _read_status(err: Exception) -> int | None:
    """Read the status of HTTP, by the names that the libraries have for it."""
    for name in ("status_code", "http_status", "code"):
        status = getattr(err, name, None)
        if isinstance(status, int) and status:
            return status
    return None


def is_away(err: Exception) -> bool:
    """Tell whether nobody is there to answer.

    :param err: What asking raised.
    :returns: Whether the next one would fail as slowly.
    """
    return isinstance(err, exception.NeutronUnusable) and err.is_away


def say(err: Exception) -> str:
    """Write an error in one line; many say too much, some say nothing.

    :param err: The error, be it one of ours.
    :returns: Its message, cut, behind its name if it is not one of ours.
    """
    text = " ".join(str(err).split())
    if isinstance(err, exception.PciSchedException):
        return text
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f"{type(err).__name__}: {shown}" if shown else repr(err)
