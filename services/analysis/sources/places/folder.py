"""Folders of the worker's machine: those of an organization below its own one."""

import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from services.analysis.sources.domain import Entry
from services.analysis.sources.places.base import (
    BLOCK_BYTES,
    MAX_DEPTH,
    MAX_LISTED,
    SILENCE_SECONDS,
    PlaceError,
    too_many,
)
from services.analysis.sources.places.calls import Calls, LeftBefore, Steps

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe that nobody writes to would block.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOUNTS = Path("/proc/self/mountinfo")

T = TypeVar("T")


class FolderPlace:
    """Never follows a symbolic link: whoever can write into the folder must not choose what is read."""

    def __init__(
        self, root: Path, path: str, calls: Calls, *, silence: float = SILENCE_SECONDS, mounts: Path = MOUNTS
    ) -> None:
        """`root` is the organization's folder, `path` a relative path in it."""
        self._root = root
        self._parts = tuple(part for part in path.split("/") if part)
        self._shown = path or "."
        self._calls = calls
        self._silence = silence
        self._mounts = mounts

    async def entries(self) -> Sequence[Entry]:
        # A share that does not answer one of its folders does not answer the others either.
        share = mount_point(self._root.joinpath(*self._parts), self._mounts)
        try:
            return await self._calls.make(share, "", self._list, silence=self._silence)
        except TimeoutError as error:
            raise self._silent() from error

    async def find(self, path: str) -> Entry | None:
        return await self._about(path, partial(self._find, path))

    async def read(self, path: str) -> AsyncIterator[bytes]:
        at = 0
        while block := await self._about(path, partial(self._block, path, at)):
            yield block
            at += len(block)

    async def _about(self, path: str, call: Callable[[Steps], T]) -> T:
        """Make a call about a file."""
        folder = str(self._root.joinpath(*self._parts))
        try:
            return await self._calls.make(folder, path, call, silence=self._silence)
        except LeftBefore as error:
            # A share may answer for all files but one, such as one that is kept on tape.
            text = f"'{path}' did not answer at an earlier look, and still does not."
            raise PlaceError("file-unreadable", text, file=path) from error
        except TimeoutError as error:
            raise self._silent() from error

    def _list(self, steps: Steps) -> list[Entry]:
        found: list[Entry] = []
        with self._folder(self._parts) as descriptor:
            try:
                self._walk(descriptor, "", 0, found, steps)
            except OSError as error:
                raise self._missing(error) from error
        return found

    def _walk(self, folder: int, prefix: str, depth: int, found: list[Entry], steps: Steps) -> None:
        # Names are collected first: an iterator over a folder shares its position with the descriptor.
        names: list[tuple[str, bool]] = []
        with os.scandir(folder) as listing:
            for each in listing:
                steps.step()
                names.append((each.name, each.is_dir(follow_symlinks=False)))
        for name, is_folder in names:
            steps.step()
            if name.startswith("."):
                continue
            try:
                if is_folder:
                    if depth < MAX_DEPTH:
                        inner = os.open(name, FOLDER, dir_fd=folder)
                        try:
                            self._walk(inner, f"{prefix}{name}/", depth + 1, found, steps)
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

    def _find(self, path: str, _: Steps) -> Entry | None:
        *folders, name = path.split("/")
        try:
            with self._folder((*self._parts, *folders)) as descriptor:
                return _entry(path, os.stat(name, dir_fd=descriptor, follow_symlinks=False))
        except (FileNotFoundError, PlaceError):
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def _block(self, path: str, at: int, _: Steps) -> bytes:
        """A part of the file. It is opened for each, so that no call leaves anything open behind it."""
        *folders, name = path.split("/")
        try:
            with self._folder((*self._parts, *folders)) as descriptor:
                opened = os.open(name, FILE, dir_fd=descriptor)
            try:
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    raise PlaceError("file-unreadable", f"'{path}' is no file any more.", file=path)
                return os.pread(opened, BLOCK_BYTES, at)
            finally:
                os.close(opened)
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
                raise self._missing(error) from error
            yield descriptor

    def _missing(self, error: OSError) -> PlaceError:
        return PlaceError(
            "folder-missing",
            f"The folder '{self._shown}' cannot be read ({error.strerror}). It is looked for below"
            " the folder of your organization on the server; links are not followed.",
            folder=self._shown,
        )

    def _silent(self) -> PlaceError:
        return PlaceError(
            "folder-silent",
            f"The folder '{self._shown}' does not answer. If it is on a network share, the share is"
            " unavailable or hangs. It is read again once it answers.",
            folder=self._shown,
        )


def mount_point(path: Path, mounts: Path = MOUNTS) -> str:
    """Where the file system that has the path is mounted, as the kernel lists it; the path if it does not.

    Nothing is asked of the file system, which may not answer.
    """
    absolute = Path(os.path.abspath(path))
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return str(absolute)
    # The fifth field of a line (proc_pid_mountinfo(5)); blanks are written in octal.
    points = [line.split(" ")[4].replace(r"\040", " ") for line in lines]
    return max((each for each in points if absolute.is_relative_to(each)), key=len, default=str(absolute))


def _entry(path: str, about: os.stat_result) -> Entry:
    modified = datetime.fromtimestamp(about.st_mtime, UTC)
    return Entry(path, about.st_size, f"{about.st_mtime_ns}-{about.st_ino}", modified)


def _is_text(name: str) -> bool:
    """Whether the name is UTF-8 that can be shown and stored."""
    return name.isprintable()


def _unreadable(path: str, error: OSError) -> PlaceError:
    return PlaceError("file-unreadable", f"'{path}' cannot be read: {error.strerror}.", file=path)
