# SPDX-License-Identifier: Apache-2.0
"""Which L2 agents the hosts have, by the options of the command line."""

import argparse
from collections.abc import Mapping
import dataclasses
import pathlib

from pci_sched.inputs import agents_file, document_text, fact_sources
from pci_sched.model import host as pci_host

_Source = fact_sources.Source


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say who knows the agents.

    :param parser: The verb's parser.
    """
    group = parser.add_argument_group("L2 agents")
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--agents",
        type=pathlib.Path,
        metavar="FILE",
        help="a saved answer of Neutron's GET /v2.0/agents; it goes before"
        " what a host says of itself",
    )
    one.add_argument(
        "--neutron",
        action="store_true",
        help="ask Neutron itself, through openstacksdk",
    )
    group.add_argument(
        "--os-cloud",
        metavar="NAME",
        help="with --neutron, the cloud of clouds.yaml (by default what the"
        " environment says)",
    )
    group.add_argument(
        "--unlisted-host",
        choices=[each.value for each in fact_sources.UnlistedHost],
        help="what becomes of a host that the agents' list does not have"
        " (by default what a nova.conf says, else accept)",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class FactFinder:
    """Says which agents a host has.

    :ivar source: Whose list it is.
    :ivar listed: The list; ``None`` if none was named.
    :ivar unlisted: What becomes of a host that it does not have.
    """

    unlisted: fact_sources.UnlistedHost
    source: fact_sources.Source = _Source.FILE
    listed: Mapping[str, pci_host.L2Facts] | None = None

    @classmethod
    def of(
        cls,
        parsed_args: argparse.Namespace,
        configured: fact_sources.UnlistedHost,
    ) -> "FactFinder":
        """Read the list that the options name.

        :param parsed_args: The options of :func:`add_options`.
        :param configured: What a nova.conf says of unlisted hosts.
        :returns: The finder.
        :raises exception.PciSchedException: If the list cannot be read.
        """
        unlisted = configured
        if parsed_args.unlisted_host:
            unlisted = fact_sources.UnlistedHost(parsed_args.unlisted_host)
        if parsed_args.neutron:
            from pci_sched.cli import explain_neutron

            agents = explain_neutron.read_agents(parsed_args.os_cloud)
            found = fact_sources.collect(agents)
            return cls(unlisted, _Source.NEUTRON, found)
        if parsed_args.agents:
            found = fact_sources.collect(_read(parsed_args.agents))
            return cls(unlisted, _Source.FILE, found)
        return cls(unlisted)

    def choose(
        self, host: str, own: fact_sources.Answer
    ) -> fact_sources.Choice:
        """Decide who is believed of a host.

        :param host: As Neutron names it.
        :param own: What the host says of itself.
        :returns: The facts, and who gave them.
        """
        answers = [own]
        if self.listed is not None:
            listed = fact_sources.answer_from_list(
                self.source, self.listed, host
            )
            answers = [listed, own]
        return fact_sources.choose(answers, self.unlisted)


def _read(
    path: pathlib.Path,
) -> Mapping[str, tuple[pci_host.L2Agent, ...]]:
    raw = document_text.read_file(path)
    with document_text.named(path):
        return agents_file.read(raw.decode("utf-8", "replace"))


def notes(choice: fact_sources.Choice) -> tuple[str, ...]:
    """Say what went wrong with the sources.

    :param choice: Of one host.
    :returns: Sentences without a full stop.
    """
    asked = [*choice.passed_over, *filter(None, [choice.answer])]
    return tuple(f"L2 agents: {each}" for each in asked if each.note)
