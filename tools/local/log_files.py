"""The programs' log files: opened for their output, kept from growing without end, read back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tools.local.errors import LocalError
from tools.local.log_lines import readable

# A log larger than this is set aside when its program is started anew; one older log is kept.
ROTATE_ABOVE_BYTES = 20 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
_FOLLOW_POLL_S = 0.3


def open_log(path: Path) -> int:
    """A descriptor to append to, for a child's output."""
    try:
        if path.stat().st_size > ROTATE_ABOVE_BYTES:
            path.replace(path.with_suffix(".log.1"))
    except FileNotFoundError:
        pass
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, with one that was left unfinished; empty when there is none."""
    reader = LogReader(path)
    found = reader.last(lines)
    if unfinished := reader.unfinished():
        found.append(unfinished)
    return found[-lines:] if lines > 0 else []


def last_words(path: Path, lines: int) -> str:
    """The end of a log for an error message."""
    return "\n".join(readable(line) for line in tail(path, lines))


def chosen_logs(folder: Path, program: str | None) -> list[Path]:
    """The log of one program, or all logs."""
    found = sorted(folder.glob("*.log"))
    if program is None:
        return found
    chosen = [path for path in found if path.stem == program]
    if not chosen:
        known = ", ".join(path.stem for path in found) or "none yet"
        raise LocalError(f"No log of {program!r} in {folder}; there are: {known}.")
    return chosen


def read_logs(paths: list[Path], lines: int, *, follow: bool) -> Iterator[tuple[str, str]]:
    """The last lines of each log with its program's name, then, when following, new ones as they come."""
    readers = [LogReader(path) for path in paths]
    for reader in readers:
        for line in reader.last(lines):
            yield reader.name, line
    while follow:
        idle = True
        for reader in readers:
            for line in reader.new():
                idle = False
                yield reader.name, line
        if idle:
            time.sleep(_FOLLOW_POLL_S)


class LogReader:
    """Reads a log by whole lines, and what is appended later, also after it was set aside for a new one."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self._place = 0

    def last(self, lines: int) -> list[str]:
        """The last lines there are; `new` goes on from there."""
        try:
            self._place = max(0, self._path.stat().st_size - _TAIL_BYTES)
        except FileNotFoundError:
            return []
        found = self.new()
        return found[-lines:] if lines > 0 else []

    def unfinished(self) -> str:
        """What stands after the last whole line."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                return file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def new(self) -> list[str]:
        """The lines completed since the last call."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._place:
                    self._place = 0
                file.seek(self._place)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._place += len(whole) + len(newline)
        return whole.decode("utf-8", errors="replace").split("\n") if newline else []
