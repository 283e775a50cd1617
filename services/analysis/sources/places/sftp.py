"""Folders of SFTP servers whose key is known."""

import asyncio
import ipaddress
import posixpath
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

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


@asynccontextmanager
async def connected(
    place: Sftp, secrets: dict[str, str], *, allow_private: bool
) -> AsyncIterator["SftpPlace"]:
    """Sign in to the server. Raises PlaceError; nothing secret is sent before the server's key is known."""
    address = await _resolved(place, allow_private=allow_private)
    client = _Client()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
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
    async with connection:
        try:
            async with connection.start_sftp_client() as sftp:
                yield SftpPlace(sftp, place)
        except (OSError, asyncssh.Error) as error:
            raise _unreachable(place, error) from error


class SftpPlace:
    def __init__(self, sftp: asyncssh.SFTPClient, place: Sftp) -> None:
        self._sftp = sftp
        self._place = place
        self._folder = place.path or "."

    async def entries(self) -> Sequence[Entry]:
        found: list[Entry] = []
        try:
            await self._walk(self._folder, "", 0, found)
        except asyncssh.SFTPError as error:
            raise PlaceError(
                "folder-missing", f"The folder '{self._folder}' cannot be read: {error.reason}."
            ) from error
        return found

    async def _walk(self, folder: str, prefix: str, depth: int, found: list[Entry]) -> None:
        names = aiter(self._sftp.scandir(folder))
        while (each := await asyncio.wait_for(anext(names, None), SILENCE_SECONDS)) is not None:
            name = each.filename if isinstance(each.filename, str) else ""
            if not name or name.startswith(".") or "/" in name or not name.isprintable():
                continue
            kind, path = each.attrs.type, posixpath.join(folder, name)
            if kind == asyncssh.FILEXFER_TYPE_DIRECTORY and depth < MAX_DEPTH:
                try:
                    await self._walk(path, f"{prefix}{name}/", depth + 1, found)
                except asyncssh.SFTPPermissionDenied:
                    continue
            elif kind == asyncssh.FILEXFER_TYPE_REGULAR:
                found.append(_entry(f"{prefix}{name}", each.attrs))
            if len(found) > MAX_LISTED:
                raise too_many()

    async def find(self, path: str) -> Entry | None:
        try:
            attributes = await asyncio.wait_for(self._sftp.lstat(self._path(path)), SILENCE_SECONDS)
        except asyncssh.SFTPNoSuchFile:
            return None
        except asyncssh.SFTPError as error:
            raise _unreadable(path, error) from error
        return _entry(path, attributes)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        try:
            async with self._sftp.open(self._path(path), "rb") as file:
                while block := await asyncio.wait_for(file.read(BLOCK_BYTES), SILENCE_SECONDS):
                    yield block if isinstance(block, bytes) else block.encode()
        except BROKEN as error:
            # Here, not by whoever reads: to them, an OSError is one of the store they write to.
            raise _unreachable(self._place, error) from error
        except asyncssh.SFTPError as error:
            raise _unreadable(path, error) from error

    def _path(self, path: str) -> str:
        return posixpath.join(self._folder, path)


async def _resolved(place: Sftp, *, allow_private: bool) -> str:
    """The address to connect to. It is looked up once, so that what was checked is what is connected to."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
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
            "The server shows another key than the source's host_key, so nobody signed in. If the server was"
            " set up anew, compare its key and send the new one; otherwise somebody may be in between.",
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
    return PlaceError(
        "host-unreachable",
        f"There is no connection to {place.host}, port {place.port}, or it broke ({type(error).__name__}).",
        host=place.host,
        port=place.port,
    )


def _unreadable(path: str, error: asyncssh.SFTPError) -> PlaceError:
    return PlaceError("file-unreadable", f"'{path}' cannot be read: {error.reason}.", file=path)


def _entry(path: str, attributes: asyncssh.SFTPAttrs) -> Entry:
    modified = attributes.mtime or 0
    return Entry(path, attributes.size or 0, str(modified), datetime.fromtimestamp(modified, UTC))
