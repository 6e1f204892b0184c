# SPDX-License-Identifier: Apache-2.0
"""The agents of a running Neutron, asked through openstacksdk."""

from collections.abc import Mapping
import importlib
from typing import Any

from pci_sched import exception
from pci_sched.inputs import neutron
from pci_sched.model import host as pci_host

_SDK = "openstack"

_ADVICE = (
    "--neutron needs openstacksdk, which is not installed; install"
    " pci_sched[openstack], or save the answer of GET /v2.0/agents and name"
    " the file by --agents"
)

#: Neutron's names of what the SDK calls otherwise.
_FIELDS = {
    "agent_type": "agent_type",
    "host": "host",
    "alive": "is_alive",
    "admin_state_up": "is_admin_state_up",
    "configurations": "configuration",
}


def read_agents(
    cloud: str | None,
) -> Mapping[str, tuple[pci_host.L2Agent, ...]]:
    """Ask Neutron for its agents.

    :param cloud: The name in clouds.yaml; ``None`` for what the environment
        says (``OS_CLOUD``, ``OS_AUTH_URL`` …).
    :returns: For each host its agents.
    :raises exception.InputInvalid: If Neutron cannot be asked.
    """
    sdk = _import_sdk()
    try:
        with sdk.connect(cloud=cloud) as connection:
            entries = [_entry(each) for each in connection.network.agents()]
    # The errors of the SDK and of all that it stands on have no one root.
    except Exception as error:
        raise exception.InputInvalid(
            f"Neutron's agents cannot be read: {_reason(error)}"
        ) from error
    return neutron.read_agents(entries)


def _import_sdk() -> Any:
    try:
        return importlib.import_module(_SDK)
    except ImportError as error:
        raise exception.InputInvalid(_ADVICE) from error


def _entry(agent: Any) -> dict[str, object]:
    found = {key: getattr(agent, name) for key, name in _FIELDS.items()}
    return {key: each for key, each in found.items() if each is not None}


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
