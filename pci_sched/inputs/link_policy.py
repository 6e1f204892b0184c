# SPDX-License-Identifier: Apache-2.0
"""What an operator wants of devices behind a port with a bad link."""

from collections.abc import Iterable
import dataclasses
import enum

from pci_sched.inputs import oddity

#: Stands for every network that is not named.
ANY = "*"


class LinkPolicy(enum.StrEnum):
    """What becomes of the devices, as ``[pci_sched]link_policies`` says.

    ``avoid``: they are chosen last. ``exclude``: they are not given away.
    """

    IGNORE = "ignore"
    AVOID = "avoid"
    EXCLUDE = "exclude"


@dataclasses.dataclass(frozen=True, slots=True)
class LinkPolicies:
    """The policy of each physical network.

    :ivar named: By the network's name, sorted.
    :ivar other: Of all other networks, and of devices on none.
    """

    named: tuple[tuple[str, LinkPolicy], ...] = ()
    other: LinkPolicy = LinkPolicy.AVOID

    def of(self, physical_network: object) -> LinkPolicy:
        """Give the policy for a device.

        :param physical_network: As its tag has it; ``None`` for none.
        :returns: The policy.
        """
        if physical_network is None:
            return self.other
        return dict(self.named).get(str(physical_network), self.other)

    @property
    def ignores_all(self) -> bool:
        """Whether no link matters anywhere."""
        policies = {self.other, *(policy for _, policy in self.named)}
        return policies == {LinkPolicy.IGNORE}


def parse(items: Iterable[str]) -> LinkPolicies:
    """Read the option.

    :param items: Each ``PHYSICAL_NETWORK:POLICY``.
    :returns: The policies; ``avoid`` where nothing is said.
    :raises ValueError: If one is not of that form, or a network is named
        twice; the message says what is allowed.
    """
    found: dict[str, LinkPolicy] = {}
    for item in items:
        # The name of a network may have a colon in it.
        network, _, word = item.strip().rpartition(":")
        if not network or word not in set(LinkPolicy):
            raise ValueError(
                f"{oddity.show(item)} is no link policy; allowed:"
                " PHYSICAL_NETWORK:POLICY, the policy one of"
                f" {', '.join(LinkPolicy)}"
            )
        if network in found:
            raise ValueError(
                f"{oddity.show(network)} has two link policies; allowed: one"
            )
        found[network] = LinkPolicy(word)
    other = found.pop(ANY, LinkPolicy.AVOID)
    return LinkPolicies(tuple(sorted(found.items())), other)
