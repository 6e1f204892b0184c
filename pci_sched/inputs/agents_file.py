# SPDX-License-Identifier: Apache-2.0
"""The hosts and their L2 agents, in a file that an operator keeps.

It is JSON and has the form of Neutron's own answer, so that a saved answer is
such a file, one reader serves both, and no YAML library is needed at run time.
"""

import json

from pci_sched import exception
from pci_sched.inputs import neutron, oddity
from pci_sched.model import host as pci_host

_HOSTS = "hosts"


def read(text: str) -> dict[str, tuple[pci_host.L2Agent, ...]]:
    """Read the file ``[pci_sched]agents_file``.

    :param text: ``{"agents": [...]}`` as ``GET /v2.0/agents`` gives it. The
        key ``hosts`` may list hosts, so that those without any agent are not
        taken for unlisted.
    :returns: For each host its agents.
    :raises exception.DocumentInvalid: If the file cannot be read.
    """
    try:
        document = json.loads(text)
    except RecursionError as err:
        raise exception.DocumentInvalid("$", "is nested too deep") from err
    except ValueError as err:
        raise exception.DocumentInvalid("$", f"is no JSON ({err})") from err
    listed = document.get(_HOSTS, []) if isinstance(document, dict) else []
    if not isinstance(listed, list):
        raise exception.DocumentInvalid(
            f"$.{_HOSTS}", f"{oddity.show(listed)} is no list"
        )
    for number, host in enumerate(listed):
        if not isinstance(host, str):
            raise exception.DocumentInvalid(
                f"$.{_HOSTS}[{number}]", f"{oddity.show(host)} is no text"
            )
    return dict.fromkeys(listed, ()) | neutron.read_agents(document)
