# SPDX-License-Identifier: Apache-2.0
"""A small server that speaks Neutron's API, or something else."""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import http.server
import json
import threading
from typing import Any
import urllib.parse

Body = dict[str, Any]


@dataclasses.dataclass
class Server:
    """What it has, and what it was asked.

    :ivar page_size: Of agents; ``None`` for all on one page, as Neutron does.
    :ivar status: What every answer has.
    :ivar text: What every answer says instead of what it should.
    :ivar is_admin: Whether the caller may see agents; others get a list
        without them, as from Neutron.
    """

    agents: list[Body] = dataclasses.field(default_factory=list)
    ports: list[Body] = dataclasses.field(default_factory=list)
    networks: list[Body] = dataclasses.field(default_factory=list)
    page_size: int | None = None
    status: int = 200
    text: str | None = None
    is_admin: bool = True
    next_link: str | None = None
    slow: threading.Event = dataclasses.field(default_factory=threading.Event)
    url: str = ""
    #: The path and query of each request.
    asked: list[tuple[str, dict[str, list[str]]]] = dataclasses.field(
        default_factory=list
    )

    def answer(self, path: str, query: Mapping[str, list[str]]) -> Body:
        """Make the body of an answer.

        :param path: Such as ``/v2.0/agents``.
        :param query: As ``urllib.parse.parse_qs`` gives it.
        :returns: The body.
        """
        name = path.rpartition("/")[2]
        entries: list[Body] = getattr(self, name)
        if name == "agents" and not self.is_admin:
            entries = []
        ids = query.get("id")
        found = [each for each in entries if not ids or each["id"] in ids]
        names = query.get("fields", [])
        body: Body = {}
        if self.page_size and name == "agents":
            found = self._cut(found, query, body)
        body[name] = [
            {key: each[key] for key in each if not names or key in names}
            for each in found
        ]
        return body

    def _cut(
        self, found: list[Body], query: Mapping[str, list[str]], body: Body
    ) -> list[Body]:
        marker = query.get("marker", [""])[0]
        assert self.page_size is not None
        rest = [each for each in found if each["id"] > marker]
        page = rest[: self.page_size]
        if len(rest) > len(page):
            more = dict(query, marker=[page[-1]["id"]])
            link = urllib.parse.urlencode(more, doseq=True)
            body["agents_links"] = [
                {"rel": "previous", "href": "http://wrong.invalid/"},
                {
                    "rel": "next",
                    "href": self.next_link or f"{self.url}/v2.0/agents?{link}",
                },
            ]
        return page


class _Handler(http.server.BaseHTTPRequestHandler):
    served: Server

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        self.served.asked.append((parts.path, query))
        self.served.slow.wait(30)
        text = self.served.text
        if text is None:
            text = json.dumps(
                self.served.answer(parts.path, query)
                if self.served.status == 200
                else {
                    "NeutronError": {
                        "message": "no",
                        "type": "X",
                        "detail": "",
                    }
                }
            )
        with contextlib.suppress(BrokenPipeError):
            self.send_response(self.served.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Run a server as long as the block lasts."""
    served = Server()
    served.slow.set()
    handler = type("Handler", (_Handler,), {"served": served})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.slow.set()
            server.shutdown()
            thread.join()
