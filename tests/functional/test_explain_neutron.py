# SPDX-License-Identifier: Apache-2.0
"""``pci-pool explain --neutron``: the SDK, a Neutron, and what goes wrong."""

from collections.abc import Iterator
import http.server
import importlib.util
import json
import pathlib
import sys
import threading
import types
from typing import Any

import pytest

import explain_cases
from pci_pool import PciPool, process

_PASSWORD = "s3cr3t"  # noqa: S105 - of a server that the test starts


class _FakeConnection:
    """What of the SDK's connection is used."""

    def __init__(self, agents: list[Any]) -> None:
        self.network = self
        self._agents = agents

    def agents(self) -> list[Any]:
        return self._agents

    def __enter__(self) -> "_FakeConnection":
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def _install(monkeypatch: pytest.MonkeyPatch, sdk: Any) -> None:
    monkeypatch.setitem(sys.modules, "openstack", sdk)


@pytest.fixture
def argv(tmp_path: pathlib.Path) -> tuple[str | pathlib.Path, ...]:
    wanted = explain_cases.write(
        tmp_path / "one-vf.json", explain_cases.ONE_VF
    )
    cloud = explain_cases.EXAMPLES / "cloud.jsonl"
    argv = ("--from", str(cloud), "--only", "compute1", "-f", "json")
    return ("explain", wanted, *argv, "--neutron")


def test_without_the_sdk_the_message_says_what_to_install(
    pci_pool: PciPool,
    argv: tuple[str | pathlib.Path, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _install(monkeypatch, None)
    ran = pci_pool(*argv)
    assert ran == (
        1,
        "",
        "--neutron needs openstacksdk, which is not installed; install"
        " pci_sched[openstack], or save the answer of GET /v2.0/agents and"
        " name the file by --agents\n",
    )


@pytest.mark.parametrize(("alive", "code"), [(True, 0), (False, 3)])
def test_the_agents_of_the_named_cloud_count(
    pci_pool: PciPool,
    argv: tuple[str | pathlib.Path, ...],
    monkeypatch: pytest.MonkeyPatch,
    alive: bool,
    code: int,
) -> None:
    asked = []
    agent = types.SimpleNamespace(
        agent_type="NIC Switch agent",
        host="compute1",
        is_alive=alive,
        is_admin_state_up=None,
        configuration={"device_mappings": {"physnet1": ["ens1"]}},
    )

    def connect(cloud: str | None) -> _FakeConnection:
        asked.append(cloud)
        return _FakeConnection([agent])

    _install(monkeypatch, types.SimpleNamespace(connect=connect))
    assert pci_pool(*argv, "--os-cloud", "mine").code == code
    assert asked == ["mine"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError("no\nroute"), "no route"), (ValueError(), "ValueError")],
)
def test_a_neutron_that_cannot_be_asked_is_exit_code_1(
    pci_pool: PciPool,
    argv: tuple[str | pathlib.Path, ...],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    def connect(cloud: str | None) -> _FakeConnection:
        raise error

    _install(monkeypatch, types.SimpleNamespace(connect=connect))
    ran = pci_pool(*argv)
    assert ran == (1, "", f"Neutron's agents cannot be read: {said}\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    """A Keystone and a Neutron, as far as a list of agents needs them."""

    def log_message(self, *_args: object) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        text = self.rfile.read(length).decode()
        if json.dumps(_PASSWORD) not in text:
            self._answer(401, {"error": {"message": "no", "code": 401}})
            return
        self._answer(201, {"token": self._token()}, token="t0ken")  # noqa: S106

    def do_GET(self) -> None:
        if self.path.startswith("/network/v2.0/agents"):
            self._answer(200, self._agents())
        elif self.path.rstrip("/") == "/identity/v3":
            self._answer(200, {"version": self._version("v3.14")})
        else:
            versions = [self._version("v2.0")]
            self._answer(200, {"versions": versions})

    @property
    def _base(self) -> str:
        return f"http://{self.headers['Host']}"

    def _version(self, number: str) -> dict[str, object]:
        place = "identity/v3" if number == "v3.14" else "network/v2.0"
        link = {"rel": "self", "href": f"{self._base}/{place}/"}
        return {"id": number, "status": "CURRENT", "links": [link]}

    def _token(self) -> dict[str, object]:
        endpoint = {
            "interface": "public",
            "region": "one",
            "region_id": "one",
            "url": f"{self._base}/network",
            "id": "e",
        }
        network = {"type": "network", "name": "neutron", "id": "n"}
        return {
            "methods": ["password"],
            "user": {"id": "u", "name": "u", "domain": {"id": "default"}},
            "project": {"id": "p", "name": "p", "domain": {"id": "default"}},
            "catalog": [{**network, "endpoints": [endpoint]}],
            "roles": [{"id": "r", "name": "admin"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
        }

    def _agents(self) -> dict[str, object]:
        """Two pages; the agent that counts is on the second."""
        if "marker" in self.path:
            agent = explain_cases.agent("compute1", id="2")
            return {"agents": [agent]}
        link = f"{self._base}/network/v2.0/agents?marker=1"
        return {
            "agents": [explain_cases.agent("compute9", id="1")],
            "agents_links": [{"rel": "next", "href": link}],
        }

    def _answer(
        self, code: int, document: object, token: str | None = None
    ) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if token:
            self.send_header("X-Subject-Token", token)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def keystone() -> Iterator[str]:
    """The URL of a Keystone whose catalogue has a Neutron."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/identity/v3"
    server.shutdown()
    thread.join()
    server.server_close()


def _environment(keystone: str, password: str) -> dict[str, str]:
    return {
        "OS_AUTH_URL": keystone,
        "OS_USERNAME": "u",
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": "p",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": "one",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


real_sdk = pytest.mark.skipif(
    importlib.util.find_spec("openstack") is None,
    reason="openstacksdk is not installed",
)


@real_sdk
def test_every_page_of_a_neutron_is_read_through_the_real_sdk(
    argv: tuple[str | pathlib.Path, ...], keystone: str
) -> None:
    env = _environment(keystone, _PASSWORD)
    ran = process(*argv, "--unlisted-host", "reject", env=env)
    assert (ran.code, ran.err) == (0, "")
    (verdict,) = json.loads(ran.out)
    assert verdict["fits"]
    assert verdict["warnings"] == []


@real_sdk
def test_a_wrong_password_is_exit_code_1_and_not_shown(
    argv: tuple[str | pathlib.Path, ...], keystone: str
) -> None:
    ran = process(*argv, env=_environment(keystone, "wr0ng"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Neutron's agents cannot be read: ")
    assert "wr0ng" not in ran.err
