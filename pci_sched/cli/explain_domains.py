# SPDX-License-Identifier: Apache-2.0
"""What fails together on a host of Nova's database."""

from pci_sched.inputs import host_facts_reader
from pci_sched.pools import domains as pool_domains

#: By the addresses of PFs, in the order of the host's facts.
Domains = tuple[tuple[str, pool_domains.FaultDomains], ...]


def of_text(text: str | None) -> Domains:
    """Tell what fails with each PF, by what a compute published.

    :param text: The compute's facts; ``None`` if it published none.
    :returns: Empty where they say nothing: then the addresses tell.
    """
    facts = host_facts_reader.read(text).facts if text else None
    return tuple(
        (
            str(each.address),
            pool_domains.of_pf(
                str(each.address),
                lag=each.lag,
                card=each.card,
                root_port=each.root_port,
                switch=each.switch,
            ),
        )
        for each in (facts and facts.pfs) or ()
    )
