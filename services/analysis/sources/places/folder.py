"""Folders of the worker's machine: those of an organization below its own one."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from services.analysis.sources.domain import Entry
from services.analysis.sources.places.base import BLOCK_BYTES, MAX_DEPTH, MAX_LISTED, PlaceError, too_many

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe that nobody writes to would block.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderPlace:
    """Never follows a symbolic link: whoever can write into the folder must not choose what is read."""

    def __init__(self, root: Path, path: str) -> None:
        """`root` is the organization's folder, `path` a relative path in it."""
        self._root = root
        self._parts = tuple(part for part in path.split("/") if part)
        self._shown = path or "."

    async def entries(self) -> Sequence[Entry]:
        return await asyncio.to_thread(self._list)

    async def find(self, path: str) -> Entry | None:
        return await asyncio.to_thread(self._find, path)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        descriptor = await asyncio.to_thread(self._open, path)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while block := await asyncio.to_thread(self._block, file.fileno(), path):
                yield block

    def _list(self) -> list[Entry]:
        found: list[Entry] = []
        with self._folder(self._parts) as descriptor:
            self._walk(descriptor, "", 0, found)
        return found

    def _walk(self, folder: int, prefix: str, depth: int, found: list[Entry]) -> None:
        # Names are collected first: an iterator over a folder shares its position with the descriptor.
        with os.scandir(folder) as listing:
            names = [(each.name, each.is_dir(follow_symlinks=False)) for each in listing]
        for name, is_folder in names:
            if name.startswith("."):
                continue
            try:
                if is_folder:
                    if depth < MAX_DEPTH:
                        inner = os.open(name, FOLDER, dir_fd=folder)
                        try:
                            self._walk(inner, f"{prefix}{name}/", depth + 1, found)
                        finally:
                            os.close(inner)
                    continue
                about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                # It has gone in between, or may not be entered: what cannot be seen is not there.
                continue
            if stat.S_ISREG(about.st_mode) and _is_text(name):
                found.append(_entry(f"{prefix}{name}", about))
            if len(found) > MAX_LISTED:
                raise too_many()

    def _find(self, path: str) -> Entry | None:
        *folders, name = path.split("/")
        try:
            with self._folder((*self._parts, *folders)) as descriptor:
                return _entry(path, os.stat(name, dir_fd=descriptor, follow_symlinks=False))
        except (FileNotFoundError, PlaceError):
            return None

    def _open(self, path: str) -> int:
        *folders, name = path.split("/")
        try:
            with self._folder((*self._parts, *folders)) as descriptor:
                opened = os.open(name, FILE, dir_fd=descriptor)
        except OSError as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise PlaceError("file-unreadable", f"'{path}' is no file any more.", file=path)
        return opened

    @staticmethod
    def _block(descriptor: int, path: str) -> bytes:
        try:
            return os.read(descriptor, BLOCK_BYTES)
        except OSError as error:
            raise _unreadable(path, error) from error

    @contextmanager
    def _folder(self, parts: Sequence[str]) -> Iterator[int]:
        """The descriptor of a folder, opened name by name, so that no link leads elsewhere in between."""
        with ExitStack() as stack:
            try:
                descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
                for part in parts:
                    descriptor = os.open(part, FOLDER, dir_fd=descriptor)
                    stack.callback(os.close, descriptor)
            except OSError as error:
                raise PlaceError(
                    "folder-missing",
                    f"The folder '{self._shown}' cannot be read ({error.strerror}). It is looked for below"
                    " the folder of your organization on the server; links are not followed.",
                    folder=self._shown,
                ) from error
            yield descriptor


def _entry(path: str, about: os.stat_result) -> Entry:
    modified = datetime.fromtimestamp(about.st_mtime, UTC)
    return Entry(path, about.st_size, f"{about.st_mtime_ns}-{about.st_ino}", modified)


def _is_text(name: str) -> bool:
    """Whether the name is UTF-8 that can be shown and stored."""
    return name.isprintable()


def _unreadable(path: str, error: OSError) -> PlaceError:
    return PlaceError("file-unreadable", f"'{path}' cannot be read: {error.strerror}.", file=path)
