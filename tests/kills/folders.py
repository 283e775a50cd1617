"""Watched folders, into which files are written while programs are killed: each becomes exactly one run."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import asyncpg

from tests.e2e.plant import Plant
from tests.support.tables import as_csv, spectra

FOLDERS = 2
EVERY, DELAY = "PT10S", "PT5S"
MIN_ROWS, MAX_ROWS = 20, 60
MAX_PIECES = 8
# Far below the delay: a logger that pauses for longer than it has its file taken in part, as files.md says.
MAX_PIECE_PAUSE_SECONDS = 0.5
# Between files of a folder: on average, 120 kills see some hundred files.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 4.0
RUNS = """
SELECT u.original_filename AS name, u.file_size AS size, a.id::text AS analysis
FROM analysis.analyses a JOIN analysis.file_uploads u ON u.id = a.file_upload_id
WHERE a.machine_id = ANY ($1) AND a.analysis_type = 'monitoring'
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the machines whose folders are watched: the name and size of its file, and its analysis."""

    name: str
    size: int
    analysis: str


@dataclass
class Folder:
    """A folder that a source watches, and who writes into it: `written` has the size of each whole file."""

    path: Path
    number: int
    rng: random.Random
    stopped: Event = field(default_factory=Event)
    written: dict[str, int] = field(default_factory=dict)

    def write_files(self) -> None:
        """Write file after file until it is stopped; the last one is finished."""
        while not self.stopped.wait(self.rng.uniform(MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS)):
            name = f"line{self.number}-{len(self.written):04d}.csv"
            content = as_csv(spectra(self.rng.randint(MIN_ROWS, MAX_ROWS), seed=len(self.written)))
            self.rng.choice((self._moved, self._in_pieces))(name, content)
            self.written[name] = len(content)

    def _moved(self, name: str, content: bytes) -> None:
        """As careful loggers do: the file has its name once it is complete."""
        unfinished = self.path / f"{name}.part"
        unfinished.write_bytes(content)
        unfinished.rename(self.path / name)

    def _in_pieces(self, name: str, content: bytes) -> None:
        """As other loggers do, over some seconds; the pieces end anywhere in a row."""
        ends = sorted(self.rng.sample(range(1, len(content)), MAX_PIECES - 1))
        with (self.path / name).open("wb", buffering=0) as file:
            for begin, end in zip([0, *ends], [*ends, len(content)], strict=True):
                file.write(content[begin:end])
                time.sleep(self.rng.uniform(0.0, MAX_PIECE_PAUSE_SECONDS))


@dataclass
class Watched:
    """The folders, each with a machine of its own, and what became of their files."""

    dsn: str
    machines: list[str]
    folders: list[Folder]

    @property
    def written(self) -> dict[str, int]:
        return {name: size for folder in self.folders for name, size in folder.written.items()}

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Let files be written until the block ends."""
        writers = [Thread(target=folder.write_files, daemon=True) for folder in self.folders]
        with ExitStack() as stack:
            for folder, writer in zip(self.folders, writers, strict=True):
                writer.start()
                stack.callback(writer.join)
                stack.callback(folder.stopped.set)
            yield

    def runs(self) -> list[Run]:
        return asyncio.run(self._runs())

    async def _runs(self) -> list[Run]:
        connection = await asyncpg.connect(self.dsn)
        try:
            rows = await connection.fetch(RUNS, [UUID(machine) for machine in self.machines])
        finally:
            await connection.close()
        return [Run(row["name"], row["size"], row["analysis"]) for row in rows]

    def settled(self, runs: list[Run]) -> bool:
        """Whether there is a run of each file. Whether they ended is asked of all analyses."""
        return self.written.keys() <= {run.name for run in runs}

    def judge(self) -> list[tuple[str, int, int, int]]:
        """Name, count, lost and doubled of the runs; a file that was taken in part counts as lost."""
        written, runs = self.written, self.runs()
        of = Counter(run.name for run in runs)
        cut = sum(run.size != written.get(run.name, run.size) for run in runs)
        lost = sum(of[name] == 0 for name in written)
        doubled = sum(count - 1 for count in of.values()) + len(of.keys() - written.keys())
        return [
            ("runs of watched files", len(written), lost, doubled),
            ("watched files that were taken whole", len(written), cut, 0),
        ]


def watch(plant: Plant, dsn: str, root: Path, baseline: bytes, rng: random.Random) -> Watched:
    """Make machines with a baseline, each with a source that watches a folder below `root`."""
    machines: list[str] = []
    folders: list[Folder] = []
    for number in range(FOLDERS):
        machine: dict[str, Any] = plant.post("/machines", {"name": f"Line {number}"})
        plant.completed(plant.upload(machine["id"], "baseline", ("normal.csv", baseline)))
        path = root / machine["organization_id"] / f"line{number}"
        os.makedirs(path)
        place = {"kind": "folder", "path": path.name}
        source = {"name": "Logger", "place": place, "pattern": "*.csv", "every": EVERY, "delay": DELAY}
        plant.post(f"/machines/{machine['id']}/sources", source)
        machines.append(machine["id"])
        folders.append(Folder(path, number, random.Random(rng.random())))
    return Watched(dsn, machines, folders)
