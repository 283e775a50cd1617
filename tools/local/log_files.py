"""The programs' log files: writing, rotation and reading."""

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
    """Open a descriptor that a child process appends its output to."""
    try:
        if path.stat().st_size > ROTATE_ABOVE_BYTES:
            path.replace(path.with_suffix(".log.1"))
    except FileNotFoundError:
        pass
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, including an unfinished one; empty if there is no log."""
    reader = LogReader(path)
    found = reader.last(lines)
    if unfinished := reader.unfinished():
        found.append(unfinished)
    return found[-lines:] if lines > 0 else []


def last_words(path: Path, lines: int) -> str:
    """Return the end of a log for an error message."""
    return "\n".join(readable(line) for line in tail(path, lines))


def chosen_logs(folder: Path, program: str | None) -> list[Path]:
    """Return the log of one program, or all logs."""
    found = sorted(folder.glob("*.log"))
    if program is None:
        return found
    chosen = [path for path in found if path.stem == program]
    if not chosen:
        known = ", ".join(path.stem for path in found) or "none yet"
        raise LocalError(f"No log of {program!r} in {folder}; there are: {known}.")
    return chosen


def read_logs(paths: list[Path], lines: int, *, follow: bool) -> Iterator[tuple[str, str]]:
    """Yield the last lines of each log with its program's name; when following, new lines as they arrive."""
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
    """Reads a log line by line, including what is appended later and after rotation."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self._place = 0

    def last(self, lines: int) -> list[str]:
        """Return the last lines; `new` continues from there."""
        try:
            self._place = max(0, self._path.stat().st_size - _TAIL_BYTES)
        except FileNotFoundError:
            return []
        found = self.new()
        return found[-lines:] if lines > 0 else []

    def unfinished(self) -> str:
        """Return the text after the last complete line."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                return file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def new(self) -> list[str]:
        """Return the lines that were completed since the last call."""
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
