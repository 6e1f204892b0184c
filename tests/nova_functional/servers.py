# SPDX-License-Identifier: Apache-2.0
"""Servers: ask Nova's API for something, wait for it, tell what it became."""

from collections.abc import Callable, Collection, Mapping, Sequence
import dataclasses
import time
from typing import Any, TypeVar

from nova import context, objects

Body = dict[str, Any]
_T = TypeVar("_T")

#: States in which a server stays until somebody asks for something.
_AT_REST = {"ACTIVE", "ERROR", "SHUTOFF", "SHELVED_OFFLOADED", "VERIFY_RESIZE"}

#: Each look is work for the services, which share the processors.
_POLL_S = 0.2
#: Long for a machine that does other things, too; never reached otherwise.
_GIVE_UP_S = 60.0
#: There need not be one.
_FAULT_COMES_S = 3.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a server, as an operator sees it."""

    status: str
    host: str | None
    #: Hosts whose nova-compute took part in the last operation, each once, in
    #: the order in which they were asked first.
    asked: tuple[str, ...]
    #: The message of the server's fault, or empty.
    fault: str
    #: Builds that failed on each host: what the scheduler's
    #: BuildFailureWeigher punishes a host for.
    failed_builds: Mapping[str, int]
    #: Status of the last migration, if there was one.
    migration: str | None = None


class Servers:
    """What a test does with servers, mixed into a test base of Nova's."""

    #: Nova's client of its own API.
    api: Any
    # Nova's helpers.
    _build_server: Callable[..., Body]
    _wait_until_deleted: Callable[[Body], None]

    def audit(self) -> None:
        """Run the periodic audit of every nova-compute that is up."""
        raise NotImplementedError

    def boot(
        self,
        networks: str | Sequence[str | Body] | None,
        *,
        host: str | None = None,
        **options: Any,
    ) -> Body:
        """Create a server and wait until Nova is done with it.

        :param networks: ``auto``, ``none``, or ids of ports or request bodies;
            None says nothing, which only an API before 2.37 takes.
        :param options: Further keys of the server, as the API has them.
        """
        return self.at_rest(self.post(networks, host=host, **options))

    def post(
        self,
        networks: str | Sequence[str | Body] | None,
        *,
        host: str | None = None,
        **options: Any,
    ) -> Body:
        """Ask for a server, as :meth:`boot`, and do not wait."""
        server = self._build_server(networks=_networks(networks), host=host)
        return self.api.post_server(  # type: ignore[no-any-return]
            {"server": server | options}
        )

    def delete(self, server: Body) -> None:
        """Delete a server and wait until it is gone."""
        self.api.delete_server(server["id"])
        self._wait_until_deleted(server)

    def at_rest(
        self, server: Body, among: Collection[str] = frozenset(_AT_REST)
    ) -> Body:
        """Wait until nothing is being done to *server* any more."""

        def look() -> tuple[bool, tuple[str, str]]:
            seen = self.api.get_server(server["id"])
            state = seen["status"], str(seen["OS-EXT-STS:task_state"])
            failed = state[0] == "ERROR" and "ERROR" not in among
            assert not failed, seen.get("fault", "ERROR without a fault")
            return state[0] in among and state[1] == "None", state

        _poll(look)
        return self.api.get_server(server["id"])  # type: ignore[no-any-return]

    def attach(self, server: Body, port_id: str) -> None:
        """Attach a port and wait until the guest has it."""
        self.api.attach_interface(
            server["id"], {"interfaceAttachment": {"port_id": port_id}}
        )
        self._wait_for_port(server, port_id, attached=True)

    def detach(self, server: Body, port_id: str) -> None:
        """Detach a port and wait until Nova has forgotten it."""
        self.api.detach_interface(server["id"], port_id)
        self._wait_for_port(server, port_id, attached=False)

    def _wait_for_port(
        self, server: Body, port_id: str, *, attached: bool
    ) -> None:
        def look() -> tuple[bool, set[str]]:
            found = self.api.get_port_interfaces(server["id"])
            ports = {port["port_id"] for port in found}
            return (port_id in ports) == attached, ports

        _poll(look)

    def act(self, server: Body, action: str, body: object = None) -> None:
        """Ask for an action of the API."""
        self.api.post_server_action(server["id"], {action: body})

    def live_migrate(self, server: Body) -> None:
        """Move a running guest to where the scheduler wants, and wait."""
        self.act(
            server,
            "os-migrateLive",
            {"host": None, "block_migration": "auto"},
        )
        self.ended_migration(server)
        self.at_rest(server)

    def host_of(self, server: Body) -> str:
        """Ask where *server* is."""
        seen = self.api.get_server(server["id"])
        return str(seen["OS-EXT-SRV-ATTR:host"])

    def ended_migration(self, server: Body) -> str:
        """Wait until the last migration of *server* has ended.

        :returns: Its status.
        """
        ended = {"completed", "done", "failed", "error", "finished"}

        def look() -> tuple[bool, str]:
            status = str(self.migration(server))
            return status in ended, status

        return _poll(look)

    def migration(self, server: Body) -> str | None:
        """Give the status of the last migration of *server*."""
        found = self.api.api_get(
            f"/os-migrations?instance_uuid={server['id']}"
        ).body["migrations"]
        return str(found[0]["status"]) if found else None

    def outcome(self, server: Body) -> Outcome:
        """Tell what became of *server*."""
        seen = self._with_fault(server)
        return Outcome(
            status=seen["status"],
            host=seen["OS-EXT-SRV-ATTR:host"],
            asked=self._asked(server),
            fault=seen.get("fault", {}).get("message", ""),
            failed_builds=self.failed_builds(),
            migration=self.migration(server),
        )

    def poll(self, look: Callable[[], tuple[bool, _T]]) -> _T:
        """Look until it is so, and give what was seen."""
        return _poll(look)

    def _with_fault(self, server: Body) -> Body:
        """Show a server; Nova stores the fault a moment after the state."""

        def look() -> tuple[bool, Body]:
            seen: Body = self.api.get_server(server["id"])
            return seen["status"] != "ERROR" or "fault" in seen, seen

        return _look_until(look, _FAULT_COMES_S)[1]

    def failed_builds(self) -> dict[str, int]:
        """Count the failed builds of each host, after an audit."""
        self.audit()
        nodes = objects.ComputeNodeList.get_all(context.get_admin_context())
        return {
            node.host: int(node.stats.get("failed_builds") or 0)
            for node in nodes
        }

    def _asked(self, server: Body) -> tuple[str, ...]:
        newest = self.api.get_instance_actions(server["id"])[0]
        events = self.api.get_instance_action_details(
            server["id"], newest["request_id"]
        )["events"]
        # The newest event comes first.
        asked = [
            event["host"]
            for event in reversed(events)
            if event["event"].startswith("compute_")
        ]
        return tuple(dict.fromkeys(asked))


def _networks(
    wanted: str | Sequence[str | Body] | None,
) -> str | list[Body] | None:
    if wanted is None or isinstance(wanted, str):
        return wanted
    return [
        {"port": item} if isinstance(item, str) else item for item in wanted
    ]


def _look_until(
    look: Callable[[], tuple[bool, _T]], seconds: float
) -> tuple[bool, _T]:
    """Look until it is so or the time is over; give what was seen last."""
    end = time.monotonic() + seconds
    while True:
        done, seen = look()
        if done or time.monotonic() > end:
            return done, seen
        time.sleep(_POLL_S)


def _poll(look: Callable[[], tuple[bool, _T]]) -> _T:
    done, seen = _look_until(look, _GIVE_UP_S)
    assert done, f"after {_GIVE_UP_S:.0f} s still: {seen}"
    return seen
