# SPDX-License-Identifier: Apache-2.0
"""Database servers of a test's own, to be killed.

They keep every COMMIT that they answered: that is how an operator has to run
them. A test that runs as root runs them as their packages' users.
"""

from collections.abc import Iterator, Sequence
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from typing import IO, Any

import pytest
import sqlalchemy as sa

from pci_sched.db import migration

#: The kinds of servers.
KINDS = ("mariadb", "postgresql")

_HOST = "127.0.0.1"
_PATIENCE_S = 20.0


class Server:
    """One server with its data in a directory, which outlives it.

    :param more: Arguments for the server, beside those that all have.
    :ivar url: Of a database in it, with all tables.
    """

    def __init__(
        self, kind: str, directory: pathlib.Path, more: Sequence[str] = ()
    ) -> None:
        self._directory = directory
        self._user = _user_of(kind, directory)
        port = _free_port()
        if kind == "mariadb":
            self._make, self._run = _mariadb(directory, port)
            root = f"mysql+pymysql://root:@{_HOST}:{port}/"
            self._administration = root
        else:
            self._make, self._run = _postgresql(directory, port)
            root = f"postgresql+psycopg://postgres:@{_HOST}:{port}/"
            self._administration = f"{root}postgres"
        self._run += more
        self.url = f"{root}ledger"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the data, start, and make the database."""
        self.begin()
        database = sa.create_engine(
            self._administration,
            poolclass=sa.pool.NullPool,
            isolation_level="AUTOCOMMIT",
        )
        with database.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE ledger")
        made = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        with made.begin() as connection:
            migration.upgrade(connection)

    def begin(self) -> None:
        """Make the data and start."""
        with self._log() as log:
            subprocess.run(
                self._make, check=True, stdout=log, stderr=log, **self._user
            )
        self.start()
        self.wait()

    def start(self) -> None:
        """Start it; it takes a while until it answers."""
        with self._log() as log:
            self._process = subprocess.Popen(
                self._run, stdout=log, stderr=log, **self._user
            )

    def wait(self) -> None:
        """Wait until it answers; one that went at once is started again."""
        database = sa.create_engine(
            self._administration, poolclass=sa.pool.NullPool
        )
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                database.connect().close()
            except sa.exc.OperationalError as error:
                if time.monotonic() > until:
                    log = (self._directory / "log").read_text()
                    raise TimeoutError(log[-2000:]) from error
                time.sleep(0.1)
                if self._process and self._process.poll() is not None:
                    self.start()
            else:
                return

    def freeze(self) -> None:
        """Stop it where it stands, with all that it is doing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it with all its processes, as the kernel may do."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        # PostgreSQL serves each connection by a process, in a session each;
        # while the first one is stopped there are no new ones.
        pid = self._process.pid
        os.kill(pid, signal.SIGSTOP)
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        for each in (*map(int, children.read_text().split()), pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)

    def _log(self) -> IO[bytes]:
        return (self._directory / "log").open("ab")


@contextlib.contextmanager
def private(kind: str) -> Iterator[Server]:
    """Run a server of one's own, without data at first or afterwards.

    :param kind: One of :data:`KINDS`.
    :yields: The server, running.
    """
    with _somewhere() as directory, _killed(Server(kind, directory)) as server:
        server.create()
        yield server


@contextlib.contextmanager
def galera() -> Iterator[tuple[Server, Server]]:
    """Run a cluster of two nodes of MariaDB.

    :yields: The nodes, with the same rows.
    """
    library = pathlib.Path("/usr/lib/galera/libgalera_smm.so")
    if not library.exists():
        pytest.skip(f"{library} is not there: Galera is not installed")
    with _somewhere() as one, _somewhere() as other:
        port = _free_port()
        first = Server("mariadb", one, _galera(library, port))
        second = Server("mariadb", other, _galera(library, _free_port(), port))
        with _killed(first), _killed(second):
            first.create()
            second.begin()
            yield first, second


@contextlib.contextmanager
def _somewhere() -> Iterator[pathlib.Path]:
    # Not below pytest's directories, which other users may not enter.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="pci_sched_"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def _killed(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.kill()


def _mariadb(
    directory: pathlib.Path, port: int
) -> tuple[list[str], list[str]]:
    """Give the commands that make the data and that run a server."""
    data = f"--datadir={directory / 'data'}"
    make = [
        _program("mariadb-install-db", "/usr/bin"),
        "--no-defaults",
        data,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    run = [
        _program("mariadbd", "/usr/sbin"),
        "--no-defaults",
        data,
        f"--socket={directory / 'socket'}",
        f"--pid-file={directory / 'pid'}",
        f"--bind-address={_HOST}",
        f"--port={port}",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=32M",
    ]
    return make, run


def _galera(
    library: pathlib.Path, port: int, other: int | None = None
) -> list[str]:
    """Say how a node finds the other one, if there is one."""
    options = {
        "gmcast.listen_addr": f"tcp://{_HOST}:{port}",
        "ist.recv_addr": f"{_HOST}:{_free_port()}",
    }
    written = ";".join(f"{name}={value}" for name, value in options.items())
    known = f"{_HOST}:{other}" if other else ""
    return [
        "--wsrep-on=ON",
        f"--wsrep-provider={library}",
        f"--wsrep-provider-options={written}",
        f"--wsrep-cluster-address=gcomm://{known}",
        f"--wsrep-node-address={_HOST}:{port}",
        f"--wsrep-sst-receive-address={_HOST}:{_free_port()}",
        "--wsrep-sst-method=rsync",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
    ]


def _postgresql(
    directory: pathlib.Path, port: int
) -> tuple[list[str], list[str]]:
    """Give the commands that make the data and that run a server."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    place = str(versions[-1]) if versions else "/usr/bin"
    data = str(directory / "data")
    make = [
        _program("initdb", place),
        "--auth=trust",
        "--username=postgres",
        "--encoding=UTF8",
        "--no-sync",
        "-D",
        data,
    ]
    settings = {
        "listen_addresses": _HOST,
        "port": port,
        "unix_socket_directories": directory,
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": "16MB",
    }
    run = [_program("postgres", place), "-D", data]
    for name, value in settings.items():
        run += ["-c", f"{name}={value}"]
    return make, run


def _program(name: str, place: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=place)
    if found is None:
        pytest.skip(f"{name} is not installed, neither on PATH nor in {place}")
    return found


def _user_of(kind: str, directory: pathlib.Path) -> dict[str, Any]:
    """Say to subprocess which user runs a server; root must not."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam({"mariadb": "mysql", "postgresql": "postgres"}[kind])
    os.chown(directory, user.pw_uid, user.pw_gid)
    return {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": (),
        "cwd": directory,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
