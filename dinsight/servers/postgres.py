"""Finds the PostgreSQL servers that are installed on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dinsight.servers.errors import MissingSoftware
from dinsight.servers.external import run_tool

MIN_MAJOR = 14
_PLACES = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt"))


@dataclass(frozen=True)
class PostgresBinaries:
    """One installed PostgreSQL server."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / name)

    def has_library(self, name: str) -> bool:
        """Return whether a library is installed: in lib/ on Debian, below lib/postgresql in other builds."""
        beside = self.folder.parent / "lib"
        return any(
            (place / f"{name}{suffix}").is_file()
            for place in (beside, beside / "postgresql")
            for suffix in (".so", ".dylib")
        )


def find_binaries(path: str, places: Iterable[Path] = _PLACES) -> list[PostgresBinaries]:
    """Return every installed server that is new enough, newest first. Debian keeps them out of PATH."""
    folders = [Path(item) for item in path.split(os.pathsep) if item]
    for place in places:
        folders += sorted(place.glob("*/bin"))
    found: dict[Path, PostgresBinaries] = {}
    for folder in folders:
        # Path.is_file would raise where a folder of PATH may not be entered; such a folder has nothing.
        if not all(os.path.isfile(folder / name) for name in ("postgres", "initdb", "pg_isready")):
            continue
        real = folder.resolve()
        if real not in found and (major := _major(folder / "postgres")) >= MIN_MAJOR:
            found[real] = PostgresBinaries(real, major)
    return sorted(found.values(), key=lambda binaries: binaries.major, reverse=True)


def _major(postgres: Path) -> int:
    said = run_tool([str(postgres), "--version"])
    match = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(match.group(1)) if match else 0


def choose_binaries(data: Path, found: list[PostgresBinaries]) -> PostgresBinaries:
    """Return the version that created the data if it is installed, otherwise the newest."""
    if not found:
        raise MissingSoftware(
            f"A PostgreSQL server ({MIN_MAJOR} or newer)",
            "postgresql",
            "set DINSIGHT_DATABASE_URL to a server of yours",
        )
    try:
        made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except (FileNotFoundError, PermissionError):
        made_by = ""
    return next((binaries for binaries in found if str(binaries.major) == made_by), found[0])


def clean_env() -> dict[str, str]:
    """Return the environment without the caller's PG variables (PGDATA, PGPORT, ...) and without secrets.

    A superuser of the database can read the environment of its server's processes.
    """
    ours = ("PG", "DINSIGHT_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "LC_ALL": "C.UTF-8"}
