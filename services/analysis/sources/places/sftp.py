"""Folders of SFTP servers whose key is known."""

import asyncio
import ipaddress
import posixpath
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncssh

from services.analysis.sources.domain import Entry
from services.analysis.sources.places.base import (
    BLOCK_BYTES,
    MAX_DEPTH,
    MAX_LISTED,
    SILENCE_SECONDS,
    PlaceError,
    too_many,
)
from services.analysis.sources.places.calls import Calls, Steps
from services.analysis.sources.places.kinds import Sftp
from shared.public_addresses import is_public

CONNECT_SECONDS = 20.0
KEEPALIVE_SECONDS = 15.0
NO_KEYS: tuple[list[str], list[str], list[str]] = ([], [], [])


class _Client(asyncssh.SSHClient):
    """Keeps the key that a server shows and that nobody has confirmed."""

    def __init__(self) -> None:
        self.shown: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.shown = key.export_public_key().decode().rsplit(" ", 1)[0].strip()
        if len(self.shown.split()) < 2:
            self.shown = key.export_public_key().decode().strip()
        return False


# The server is silent, or the connection has ended.
BROKEN = (OSError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError)

T = TypeVar("T")


@asynccontextmanager
async def connected(
    place: Sftp,
    secrets: dict[str, str],
    calls: Calls,
    *,
    allow_private: bool,
    connect_seconds: float = CONNECT_SECONDS,
    silence: float = SILENCE_SECONDS,
) -> AsyncIterator["SftpPlace"]:
    """Sign in to the server. Raises PlaceError; nothing secret is sent before the server's key is known."""
    address = await _resolved(place, calls, allow_private=allow_private, silence=connect_seconds)
    client = _Client()
    try:
        async with asyncio.timeout(connect_seconds):
            connection = await asyncssh.connect(
                address,
                place.port,
                username=place.username,
                client_factory=lambda: client,
                known_hosts=([place.host_key.encode()], [], []) if place.host_key else NO_KEYS,
                password=secrets.get("password"),
                client_keys=_keys(secrets),
                # Nothing of the machine on which the worker runs: no configuration, no agent, no other keys.
                config=None,
                agent_path=None,
                gss_auth=False,
                gss_kex=False,
                x509_trusted_certs=None,
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=3,
            )
    except asyncssh.HostKeyNotVerifiable as error:
        raise _unknown_key(place, client.shown) from error
    except asyncssh.PermissionDenied as error:
        raise PlaceError(
            "sign-in-refused", f"The server refuses user '{place.username}' with this password or key."
        ) from error
    except (OSError, asyncssh.Error) as error:
        raise _unreachable(place, error) from error
    # Its end says goodbye, and waits for nothing of the server. That of the session would.
    async with connection:
        answers = _Answers(connection, silence)
        try:
            yield SftpPlace(await answers.to(connection.start_sftp_client()), place, answers)
        except (OSError, asyncssh.Error) as error:
            raise _unreachable(place, error) from error


class _Answers:
    """Waits for answers of a server, and ends the connection if one does not come.

    A request is not cancelled: asyncssh would then ask the server to close the file, and wait for that. The
    keepalive is no help, since a server whose disk hangs still answers it.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, silence: float) -> None:
        self._connection = connection
        self._silence = silence

    async def to(self, request: Awaitable[T]) -> T:
        """Raises TimeoutError, and what the request raises."""
        asked = asyncio.ensure_future(request)
        try:
            await asyncio.wait({asked}, timeout=self._silence)
            if not asked.done():
                raise TimeoutError
        finally:
            if not asked.done():
                self._connection.abort()
                await asyncio.gather(asked, return_exceptions=True)
        return asked.result()


class SftpPlace:
    def __init__(self, sftp: asyncssh.SFTPClient, place: Sftp, answers: _Answers) -> None:
        self._sftp = sftp
        self._place = place
        self._folder = place.path or "."
        self._answers = answers

    async def entries(self) -> Sequence[Entry]:
        found: list[Entry] = []
        try:
            await self._walk(self._folder, "", 0, found)
        except BROKEN as error:
            raise _unreachable(self._place, error) from error
        except asyncssh.SFTPError as error:
            raise PlaceError(
                "folder-missing",
                f"The folder '{self._folder}' cannot be read: {error.reason}.",
                folder=self._folder,
            ) from error
        return found

    async def _walk(self, folder: str, prefix: str, depth: int, found: list[Entry]) -> None:
        names = aiter(self._sftp.scandir(folder))
        while (each := await self._answers.to(anext(names, None))) is not None:
            name = each.filename if isinstance(each.filename, str) else ""
            if not name or name.startswith(".") or "/" in name or not name.isprintable():
                continue
            kind, path = each.attrs.type, posixpath.join(folder, name)
            if kind == asyncssh.FILEXFER_TYPE_DIRECTORY and depth < MAX_DEPTH:
                try:
                    await self._walk(path, f"{prefix}{name}/", depth + 1, found)
                except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile):
                    continue
            elif kind == asyncssh.FILEXFER_TYPE_REGULAR:
                found.append(_entry(f"{prefix}{name}", each.attrs))
            if len(found) > MAX_LISTED:
                raise too_many()

    async def find(self, path: str) -> Entry | None:
        try:
            attributes = await self._answers.to(self._sftp.lstat(self._path(path)))
        except asyncssh.SFTPNoSuchFile:
            return None
        except BROKEN as error:
            raise _unreachable(self._place, error) from error
        except asyncssh.SFTPError as error:
            raise _unreadable(path, error) from error
        return _entry(path, attributes)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        try:
            file = await self._answers.to(self._sftp.open(self._path(path), "rb"))
            try:
                while block := await self._answers.to(file.read(BLOCK_BYTES)):
                    yield block if isinstance(block, bytes) else block.encode()
            finally:
                # What was read is right, whether the server confirms the end or not.
                with suppress(*BROKEN, asyncssh.SFTPError):
                    await self._answers.to(file.close())
        except BROKEN as error:
            # Here, not by whoever reads: to them, an OSError is one of the store they write to.
            raise _unreachable(self._place, error) from error
        except asyncssh.SFTPError as error:
            raise _unreadable(path, error) from error

    def _path(self, path: str) -> str:
        return posixpath.join(self._folder, path)


async def _resolved(place: Sftp, calls: Calls, *, allow_private: bool, silence: float) -> str:
    """The address to connect to. It is looked up once, so that what was checked is what is connected to."""

    def look_up(_: Steps) -> list[tuple[Any, ...]]:
        return list(socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM))

    try:
        found = await calls.make(place.host, "", look_up, silence=silence)
    except OSError as error:
        raise PlaceError("host-unknown", f"The name '{place.host}' is not known.", host=place.host) from error
    address = str(found[0][4][0])
    if not allow_private and not is_public(ipaddress.ip_address(address)):
        raise PlaceError(
            "host-not-allowed",
            "The server's address is not public, so no connection was made; an operator can allow private"
            " addresses with DINSIGHT_ANALYSIS_SOURCES_ALLOW_PRIVATE=true.",
        )
    return address


def _keys(secrets: dict[str, str]) -> list[asyncssh.SSHKey] | None:
    if "private_key" not in secrets:
        return None
    try:
        return [asyncssh.import_private_key(secrets["private_key"])]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise PlaceError(
            "bad-private-key",
            "The private key cannot be read. Send an OpenSSH or PEM key without a passphrase.",
        ) from error


def _unknown_key(place: Sftp, shown: str | None) -> PlaceError:
    if place.host_key is not None or shown is None:
        return PlaceError(
            "host-key-changed",
            "The server presented a different key than the source's host_key, so DInsight did not sign in. If"
            " the server was reinstalled, check its new key and send that; otherwise somebody may be"
            " intercepting the connection.",
        )
    fingerprint = asyncssh.import_public_key(shown).get_fingerprint()
    return PlaceError(
        "host-key-unknown",
        f"The server showed the key {fingerprint}. If that is the key of your server, send it as host_key of"
        f" the place: {shown}",
        host_key=shown,
        fingerprint=fingerprint,
    )


def _unreachable(place: Sftp, error: Exception) -> PlaceError:
    server = f"{place.host}, port {place.port}"
    text = f"There is no connection to {server}, or it broke ({type(error).__name__})."
    if isinstance(error, TimeoutError):
        text = f"{server}, does not answer."
    return PlaceError("host-unreachable", text, host=place.host, port=place.port)


def _unreadable(path: str, error: asyncssh.SFTPError) -> PlaceError:
    return PlaceError("file-unreadable", f"'{path}' cannot be read: {error.reason}.", file=path)


def _entry(path: str, attributes: asyncssh.SFTPAttrs) -> Entry:
    modified = attributes.mtime or 0
    return Entry(path, attributes.size or 0, str(modified), datetime.fromtimestamp(modified, UTC))
