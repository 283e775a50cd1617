"""SFTP, against a real server in this process: nobody signs in to a server whose key is not known."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from services.analysis.sources.places.base import PlaceError
from services.analysis.sources.places.calls import Calls
from services.analysis.sources.places.kinds import Sftp
from services.analysis.sources.places.sftp import connected

USER, PASSWORD = "plant", "a good password"
SOON = 0.2


class _Users(asyncssh.SSHServer):
    def __init__(self, server: "Server") -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._server.passwords.append(password)
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.export_public_key() == self._server.user_key.export_public_key()


@dataclass
class Server:
    """The folder that it serves, its keys, and every password that it was told."""

    folder: Path
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    user_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    passwords: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    # What it never answers, though the connection stands: its disk hangs.
    unanswered: set[str] = field(default_factory=set)
    opened: list[Any] = field(default_factory=list)
    waited_for: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.abort()

    @property
    def public(self) -> str:
        return self.host_key.export_public_key().decode().strip()

    def place(self, **changes: Any) -> Sftp:
        values = {"kind": "sftp", "host": "127.0.0.1", "port": self.port, "username": USER, "path": "in"}
        return Sftp.model_validate(values | {"host_key": self.public} | changes)


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: Any, server: Server) -> None:
        super().__init__(channel, chroot=str(server.folder).encode())
        self._server = server

    async def _answer(self, request: str) -> None:
        if request in self._server.unanswered:
            self._server.waited_for.set()
            await asyncio.Event().wait()

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._answer("scandir")
        async for each in super().scandir(path):
            yield each

    async def lstat(self, path: bytes) -> Any:
        await self._answer("lstat")
        return super().lstat(path)

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        await self._answer("open")
        file = super().open(path, pflags, attrs)
        self._server.opened.append(file)
        return file

    async def read(self, file_obj: object, offset: int, size: int) -> Any:
        await self._answer("read")
        return super().read(file_obj, offset, size)

    async def close(self, file_obj: object) -> Any:
        super().close(file_obj)
        await self._answer("close")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_bytes(b"123")
    (tmp_path / "in" / "deep" / "b.csv").write_bytes(b"4" * 3_000_000)
    (tmp_path / "in" / "link.csv").symlink_to("a.csv")
    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[made.host_key],
        server_factory=lambda: _Users(made),
        sftp_factory=lambda channel: _Files(channel, made),
    )
    made.port = listening.get_port()
    yield made
    listening.close()
    await listening.wait_closed()
    for file in made.opened:
        file.close()


@pytest.mark.parametrize("with_key", [False, True])
async def test_files_are_listed_and_read(server: Server, with_key: bool) -> None:
    secrets = {"password": PASSWORD}
    if with_key:
        secrets = {"private_key": server.user_key.export_private_key().decode()}
    async with connected(server.place(), secrets, Calls(), allow_private=True) as place:
        listed = {entry.path: entry for entry in await place.entries()}
        assert {path: entry.size for path, entry in listed.items()} == {"a.csv": 3, "deep/b.csv": 3_000_000}
        assert await place.find("a.csv") == listed["a.csv"]
        assert await place.find("gone.csv") is None
        assert b"".join([block async for block in place.read("deep/b.csv")]) == b"4" * 3_000_000


async def test_a_connection_that_ends_in_a_file_is_no_fault_of_the_file(server: Server) -> None:
    async with connected(server.place(), {"password": PASSWORD}, Calls(), allow_private=True) as place:
        blocks = place.read("deep/b.csv")
        assert await anext(blocks)
        server.hang_up()
        with pytest.raises(PlaceError) as refused:
            [block async for block in blocks]
    assert refused.value.problem.code == "host-unreachable"


async def problem(
    server: Server, secrets: dict[str, str], *, allow_private: bool = True, **changes: Any
) -> Any:
    with pytest.raises(PlaceError) as refused:
        async with connected(server.place(**changes), secrets, Calls(), allow_private=allow_private) as place:
            await place.entries()
    return refused.value.problem


async def test_an_unknown_server_is_told_nothing_and_its_key_is_proposed(server: Server) -> None:
    found = await problem(server, {"password": PASSWORD}, host_key=None)
    assert found.code == "host-key-unknown"
    assert server.passwords == []
    # The proposal works.
    async with connected(
        server.place(host_key=found.params["host_key"]), {"password": PASSWORD}, Calls(), allow_private=True
    ) as place:
        assert await place.entries()


async def test_a_server_with_another_key_is_told_nothing(server: Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    assert (await problem(server, {"password": PASSWORD}, host_key=other)).code == "host-key-changed"
    assert server.passwords == []


async def test_what_cannot_be_done_is_named(server: Server) -> None:
    assert (await problem(server, {"password": "wrong"})).code == "sign-in-refused"
    assert (await problem(server, {"password": PASSWORD}, path="nowhere")).code == "folder-missing"
    assert (await problem(server, {"private_key": "rubbish"})).code == "bad-private-key"
    assert (await problem(server, {}, host="name.invalid")).code == "host-unknown"
    server.port = 1
    assert (await problem(server, {})).code == "host-unreachable"


async def test_private_addresses_are_refused_unless_they_are_allowed(server: Server) -> None:
    assert (await problem(server, {"password": PASSWORD}, allow_private=False)).code == "host-not-allowed"
    assert server.passwords == []


@pytest.mark.parametrize("request_", ["scandir", "lstat", "open", "read"])
async def test_a_server_that_stops_answering_is_left(server: Server, request_: str) -> None:
    async def look() -> None:
        async with connected(
            server.place(), {"password": PASSWORD}, Calls(), allow_private=True, silence=SOON
        ) as place:
            await place.entries()
            await place.find("a.csv")
            [block async for block in place.read("a.csv")]

    server.unanswered.add(request_)
    with pytest.raises(PlaceError, match="does not answer") as refused:
        await look()
    assert refused.value.problem.code == "host-unreachable"
    server.unanswered.clear()
    async with connected(server.place(), {"password": PASSWORD}, Calls(), allow_private=True) as place:
        assert len(await place.entries()) == 2


async def test_a_file_whose_end_is_not_confirmed_is_read(server: Server) -> None:
    server.unanswered.add("close")
    async with connected(
        server.place(), {"password": PASSWORD}, Calls(), allow_private=True, silence=1.0
    ) as place:
        assert b"".join([block async for block in place.read("a.csv")]) == b"123"
        with pytest.raises(PlaceError) as refused:
            await place.find("a.csv")
    assert refused.value.problem.code == "host-unreachable"


async def test_a_look_that_is_cancelled_does_not_wait_for_the_server(server: Server) -> None:
    server.unanswered |= {"scandir", "close"}

    async def look() -> None:
        async with connected(server.place(), {"password": PASSWORD}, Calls(), allow_private=True) as place:
            await place.entries()

    looking = asyncio.create_task(look())
    await server.waited_for.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_a_server_that_accepts_and_says_nothing_is_left(server: Server) -> None:
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        server.port = silent.sockets[0].getsockname()[1]
        with pytest.raises(PlaceError, match="does not answer") as refused:
            async with connected(
                server.place(), {"password": PASSWORD}, Calls(), allow_private=True, connect_seconds=SOON
            ):
                pass
        await gone.wait()
    assert refused.value.problem.code == "host-unreachable"
    assert server.passwords == []


class _Mute(asyncssh.SSHServerSession[bytes]):
    def subsystem_requested(self, subsystem: str) -> bool:
        return True


class _MuteUsers(_Users):
    def session_requested(self) -> _Mute:
        return _Mute()


async def test_a_server_without_an_answering_subsystem_is_left(server: Server) -> None:
    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[server.host_key],
        server_factory=lambda: _MuteUsers(server),
    )
    server.port = listening.get_port()
    try:
        with pytest.raises(PlaceError, match="does not answer"):
            async with connected(
                server.place(), {"password": PASSWORD}, Calls(), allow_private=True, silence=SOON
            ):
                pass
    finally:
        listening.close()
        await listening.wait_closed()
