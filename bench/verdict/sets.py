"""The reference data sets as cases: a healthy baseline, and labelled samples that follow it.

The cases are divided into two halves: parameters of the engine are chosen on one and confirmed on the other.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import Floats

CHOOSE, CONFIRM = "choose", "confirm"

TENNESSEE_FAULTS = {1: CHOOSE, 4: CONFIRM, 5: CHOOSE, 10: CONFIRM, 13: CHOOSE}
# Thirty cycles of one engine are too few to learn 24 channels from, so all engines share a baseline.
HEALTHY_CYCLES, NORMAL_UNTIL, FAILING_CYCLES = 30, 60, 30
# The benchmark's own rule: the first 15 % of a series is the probationary period (Lavin and Ahmad 2015).
PROBATION = 0.15


@dataclass(frozen=True)
class Case:
    """`baseline` (n, d) and `monitored` (m, d) in order of time; `faulty` (m,) is the label.

    `units` (m,) tells sequences apart that do not continue each other. A case without faults only counts
    false alarms.
    """

    name: str
    half: str
    features: tuple[str, ...]
    baseline: Floats
    monitored: Floats
    faulty: NDArray[np.bool_]
    units: NDArray[np.int64]

    @property
    def before_faults(self) -> NDArray[np.bool_]:
        """The samples (m,) before the first fault of their sequence."""
        before = np.ones(self.faulty.size, dtype=bool)
        for unit in np.unique(self.units):
            rows = np.flatnonzero(self.units == unit)
            hits = np.flatnonzero(self.faulty[rows])
            if hits.size:
                before[rows[hits[0] :]] = False
        return before

    def events(self) -> Iterator[tuple[int, int]]:
        """The faults as ranges [start, stop) of samples."""
        edges = np.flatnonzero(np.diff(self.faulty.astype(int))) + 1
        breaks = np.flatnonzero(np.diff(self.units)) + 1
        for start, stop in pairwise([0, *np.union1d(edges, breaks).tolist(), self.faulty.size]):
            if stop > start and self.faulty[start]:
                yield start, stop


@dataclass(frozen=True)
class Table:
    """A file's columns as text."""

    header: tuple[str, ...]
    rows: list[list[str]]

    def numbers(self, columns: Sequence[str]) -> Floats:
        places = [self.header.index(column) for column in columns]
        return np.array([[float(row[place]) for place in places] for row in self.rows])

    def labels(self, column: str) -> NDArray[np.bool_]:
        place = self.header.index(column)
        return np.array([row[place].strip() not in ("0", "") for row in self.rows])


def read_table(path: Path) -> Table:
    """A reference file, compressed or not, in UTF-8."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    header, *rows = csv.reader(text.splitlines())
    return Table(tuple(name.strip() for name in header), rows)


def cases(folder: Path) -> Iterator[Case]:
    """Every case whose files are in the folder, in a fixed order."""
    for make in (_tennessee, _servers, _water, _turbine, _single_sensor, _engines):
        yield from make(folder)


def _case(
    name: str,
    half: str,
    features: Sequence[str],
    baseline: Floats,
    monitored: Floats,
    faulty: NDArray[np.bool_],
) -> Case:
    units = np.zeros(len(monitored), dtype=np.int64)
    return Case(name, half, tuple(features), baseline, monitored, faulty, units)


def _present(folder: Path, *names: str) -> list[Table] | None:
    paths = [folder / name for name in names]
    return [read_table(path) for path in paths] if all(path.is_file() for path in paths) else None


def _tennessee(folder: Path) -> Iterator[Case]:
    for fault, half in TENNESSEE_FAULTS.items():
        tables = _present(folder, "tep-normal.csv", f"tep-fault-{fault:02d}.csv")
        if tables:
            normal, test = tables
            features = normal.header[normal.header.index("xmeas_1") :]
            yield _case(
                f"tep-{fault:02d}",
                half,
                features,
                normal.numbers(features),
                test.numbers(features),
                test.labels("faulty"),
            )
    tables = _present(folder, "tep-normal.csv", "tep-normal-test.csv")
    if tables:
        normal, test = tables
        features = normal.header[normal.header.index("xmeas_1") :]
        healthy = np.zeros(len(test.rows), dtype=bool)
        yield _case(
            "tep-normal", CONFIRM, features, normal.numbers(features), test.numbers(features), healthy
        )


def _servers(folder: Path) -> Iterator[Case]:
    named = {f"asd-{number}": CHOOSE if number % 2 else CONFIRM for number in range(1, 7)}
    for name, half in {**named, "smd-1-6": CHOOSE, "smd-2-1": CONFIRM}.items():
        tables = _present(folder, f"{name}-baseline.csv.gz", f"{name}-monitoring.csv.gz")
        if tables:
            normal, test = tables
            features = [column for column in normal.header if column.startswith("metric")]
            labels = test.labels("faulty")
            yield _case(name, half, features, normal.numbers(features), test.numbers(features), labels)


def _water(folder: Path) -> Iterator[Case]:
    tables = _present(folder, "batadal-baseline.csv.gz", "batadal-monitoring.csv.gz")
    if tables:
        normal, test = tables
        features = normal.header[2:]
        labels = test.labels("ATT_FLAG")
        yield _case("batadal", CONFIRM, features, normal.numbers(features), test.numbers(features), labels)


def _turbine(folder: Path) -> Iterator[Case]:
    for year, half in ((2011, CHOOSE), (2012, CONFIRM)):
        tables = _present(folder, f"gasturbine-{year}.csv.gz", f"gasturbine-{year + 1}.csv.gz")
        if tables:
            normal, test = tables
            healthy = np.zeros(len(test.rows), dtype=bool)
            features = normal.header
            yield _case(
                f"gasturbine-{year}",
                half,
                features,
                normal.numbers(features),
                test.numbers(features),
                healthy,
            )


def _single_sensor(folder: Path) -> Iterator[Case]:
    tables = _present(folder, "nab-machine-temperature.csv.gz")
    if tables:
        [table] = tables
        values, labels = table.numbers(["value"]), table.labels("faulty")
        cut = int(PROBATION * len(values))
        yield _case("nab", CHOOSE, ["value"], values[:cut], values[cut:], labels[cut:])


def _engines(folder: Path) -> Iterator[Case]:
    """Fleets: the first cycles of all engines are the baseline, the next are normal, the last faulty."""
    for name, half, file in (
        ("fd001", CHOOSE, "turbofan-units-001-050.csv"),
        ("fd002", CONFIRM, "turbofan-fd002-units-001-040.csv.gz"),
    ):
        tables = _present(folder, file)
        if tables:
            [table] = tables
            features = table.header[2:]
            yield _fleet(name, half, features, table.numbers(["unit"])[:, 0], table.numbers(features))


def _fleet(name: str, half: str, features: Sequence[str], unit: Floats, values: Floats) -> Case:
    baseline: list[Floats] = []
    monitored: list[Floats] = []
    labels: list[NDArray[np.bool_]] = []
    units: list[NDArray[np.int64]] = []
    for number in np.unique(unit).astype(int):
        life = values[unit == number]
        last = max(len(life) - FAILING_CYCLES, NORMAL_UNTIL)
        for part, faulty in ((life[HEALTHY_CYCLES:NORMAL_UNTIL], False), (life[last:], True)):
            monitored.append(part)
            labels.append(np.full(len(part), faulty))
            units.append(np.full(len(part), number))
        baseline.append(life[:HEALTHY_CYCLES])
    return Case(
        name,
        half,
        tuple(features),
        np.concatenate(baseline),
        np.concatenate(monitored),
        np.concatenate(labels),
        np.concatenate(units),
    )
