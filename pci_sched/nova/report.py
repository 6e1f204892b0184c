# SPDX-License-Identifier: Apache-2.0
"""What the filter writes into the log of the hosts it refused."""

from collections.abc import Iterable, Mapping, Sequence
import time

from oslo_log import log as logging

from pci_sched.matching import refusal_code
from pci_sched.nova import facts as l2_facts
from pci_sched.nova import screening

LOG = logging.getLogger(__name__)

#: For how long hosts are examined for one line of a log, in seconds. Where it
#: matters which cells of a host a guest gets, ten thousand would take longer
#: than the request itself.
PATIENCE_S = 0.2

#: What is said of the others, and of how many devices they lack.
_NOT_EXAMINED = ("NOT_EXAMINED", 0)

#: How many devices a host lacks, its name, and the host.
_Lacking = tuple[int, str, screening.Refused]


def say(name: str, found: screening.Screened, facts: l2_facts.Facts) -> None:
    """Write what a run of the filter came to.

    :param name: Of the instance.
    :param found: The hosts.
    :param facts: What they were judged by.
    """
    if found.odd:
        host, err = found.odd[0]
        LOG.error(
            "%d hosts cannot be judged for instance %s and pass; please"
            " report this as a bug of pci_sched. The first is %s: %r",
            len(found.odd),
            name,
            host.host,
            err,
            exc_info=err,
        )
    if LOG.isEnabledFor(logging.DEBUG):
        _say_each(name, found, facts)
    is_told = LOG.isEnabledFor(logging.INFO)
    if is_told and found.refused and not found.passed:
        _say_none_left(name, found.refused, facts)


def _say_each(
    name: str, found: screening.Screened, facts: l2_facts.Facts
) -> None:
    """Write a line for each host."""
    for host in found.passed:
        stale = facts.say_if_stale(host)
        LOG.debug(
            "Host %s passes for instance %s%s",
            host.host,
            name,
            stale and f"; {stale}",
        )
    for each in found.refused:
        LOG.debug(
            "Host %s does not pass for instance %s: %s",
            each.host.host,
            name,
            _say_why(each, facts),
        )


def _say_none_left(
    name: str,
    refused: Sequence[screening.Refused],
    facts: l2_facts.Facts,
) -> None:
    """Write the one line of a request that no host is left for."""
    alike: dict[str, list[_Lacking]] = {}
    ends_at = time.monotonic() + PATIENCE_S
    for each in refused:
        code, lacking = _NOT_EXAMINED
        if not alike or time.monotonic() < ends_at:
            code, lacking = each.why_not()
        found = alike.setdefault(code, [])
        found.append((lacking, each.host.host, each))
    counts = [(len(hosts), code) for code, hosts in alike.items()]
    nearest = _find_nearest(alike)
    LOG.info(
        "No host of %d is left for instance %s: %s. Nearest: %s: %s. %s",
        len(refused),
        name,
        ", ".join(f"{code} {n}" for n, code in sorted(counts, reverse=True)),
        nearest.host.host,
        _say_why(nearest, facts),
        facts.choose(nearest.host),
    )


def _say_why(refused: screening.Refused, facts: l2_facts.Facts) -> str:
    """Say why not, each reason with its code, in one line."""
    said = [f"{each.message} [{each.code}]" for each in refused.reasons()]
    return "; ".join(filter(None, [*said, facts.say_if_stale(refused.host)]))


def _find_nearest(
    alike: Mapping[str, Iterable[_Lacking]],
) -> screening.Refused:
    """Find who comes nearest, of those that were examined.

    A cloud of ten thousand hosts must not wait for a line of a log.
    """
    code = max(alike, key=lambda code: _RANK.get(code, 0))
    return min(alike[code], key=lambda each: each[:2])[2]


#: The rules in their order: who fails by a later one comes nearer, and who
#: fails by none of them lacks an agent.
_RANK = {
    _NOT_EXAMINED[0]: -1,
    **{
        code.value: number
        for number, code in enumerate(refusal_code.RefusalCode, start=1)
    },
}
