"""Headers of exported CSV files, and names that stay different when files are joined."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from dinsight.imports.errors import ImportRefused

MAX_HEADER_CHARACTERS = 2**22


def header_of(path: Path) -> tuple[str, ...]:
    """Return the names in the first line of a CSV file. Raises ImportRefused."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline(MAX_HEADER_CHARACTERS)
    names = tuple(name.strip() for name in next(csv.reader([line]), []))
    if len(names) < 2:
        raise ImportRefused(f"{path}: the first line must name a time and at least one sensor.")
    return names


def copy_renamed(path: Path, names: Sequence[str], target: IO[bytes]) -> None:
    """Copy a CSV file with other names in its header; everything below stays as it is, to the byte."""
    with path.open("rb") as source:
        source.readline(MAX_HEADER_CHARACTERS)
        target.write((",".join(_quoted(name) for name in names) + "\n").encode())
        while piece := source.read(2**20):
            target.write(piece)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def distinct(columns: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return new names for the sensors of components, by component and name.

    A name that several components have is called `component.name`; others stay.
    """
    count = Counter(name for names in columns.values() for name in set(names))
    return {
        component: {name: f"{component}.{name}" if count[name] > 1 else name for name in names}
        for component, names in columns.items()
    }
