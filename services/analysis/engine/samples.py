"""Samples of files as an analysis takes them: dated, labelled, without what is off, with the quality of the
data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .conditions import Column, Condition
from .quality.report import sensor_report
from .quality.sensors import SensorCounts
from .tables.config import ReadingConfig
from .tables.reading import Chunk
from .tables.understood import Facts, LeftOut, Understood
from .times.finding import Doubt
from .times.labels import Labels
from .times.names import zone_named
from .times.resolving import TimeSettings, resolve
from .times.samples import SampleTimes

Floats = NDArray[np.float64]

NOT_JUDGED, OFF = "not_judged", "off"
"""The metadata entry of a sample that is not judged, and why."""

MAX_LEFT_OUT = 100
"""Rows left out that are listed; the others are counted."""


class Table(Protocol):
    """Rows to take samples from: one file, several with one header, or several that are joined on time."""

    @property
    def name(self) -> str:
        """The first file's name, for error messages."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        ...

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The names of the other columns."""
        ...

    @property
    def absent(self) -> tuple[str, ...]:
        """Features that the files do not have; their values are missing."""
        ...

    @property
    def understood(self) -> Sequence[tuple[str, Understood]]:
        """The name of each table, and how it was read."""
        ...

    @property
    def first_line(self) -> int:
        """The row of the first sample in its file, counted from 1."""
        ...

    @property
    def facts(self) -> Facts:
        """What the last pass found."""
        ...

    def __iter__(self) -> Iterator[Chunk]: ...


@dataclass(slots=True)
class _Counts:
    read: int = 0
    off: int = 0
    unknown: int = 0
    off_rows: list[int] = field(default_factory=list)


class Samples:
    """Iterates over the chunks of a table, once. `quality` is known afterwards.

    Of a baseline (`training`), rows that are off are left out; of a monitoring run, they stay, and their
    metadata say that they are not judged. Raises TableError like the table, and if `off_when` names an
    unknown column.
    """

    def __init__(
        self,
        table: Table,
        reading: ReadingConfig,
        *,
        training: bool,
        known_times: Mapping[str, Any] | None = None,
    ) -> None:
        self._table, self._training = table, training
        self._reading = reading
        self._settings = TimeSettings(reading.time_column, reading.time_format, known_times)
        self._labels = Labels(reading.labels)
        self._condition = None if reading.off_when is None else Condition.parse(reading.off_when)
        columns = [*table.features, *table.metadata_columns, *(["label"] if reading.labels else [])]
        self._names = {} if self._condition is None else self._condition.bind(columns, file=table.name)
        self._counts, self._sensors = _Counts(), SensorCounts(len(table.features))
        self._times: SampleTimes | None = None
        self._doubt: Doubt | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return self._table.features

    @property
    def time_column(self) -> str | None:
        """The metadata column with the samples' times as ISO 8601; None if they are not dated."""
        return None if self._times is None else self._times.name

    def __iter__(self) -> Iterator[Chunk]:
        first = 0
        for chunk in self._table:
            taken = self._take(chunk)
            if len(taken.metadata):
                yield Chunk(taken.features, taken.metadata, first)
                first += len(taken.metadata)

    def _take(self, chunk: Chunk) -> Chunk:
        times = self._times or self._find_times(chunk)
        moments = times.date(chunk.metadata, self._table.first_line + chunk.first_row)
        if moments is not None:
            self._labels.mark(chunk.metadata, moments)
        elif self._reading.labels:
            for entry in chunk.metadata:
                entry["label"] = None
        self._counts.read += len(chunk.metadata)
        features, metadata = chunk.features, chunk.metadata
        off = self._off(chunk)
        self._sensors.add(features if off is None else features[~off])
        if off is not None and self._training:
            metadata = [entry for entry, here in zip(metadata, off, strict=True) if not here]
            features = features[~off]
        elif off is not None:
            for place in np.flatnonzero(off):
                metadata[place][NOT_JUDGED] = OFF
        return Chunk(features, metadata, chunk.first_row)

    def _find_times(self, chunk: Chunk) -> SampleTimes:
        zone = zone_named(self._reading.time_zone or "UTC")
        column, self._doubt = resolve(_cells(chunk), self._settings, self._following)
        zone_from = "setting" if self._reading.time_zone else "default"
        self._times = SampleTimes(column, zone, zone_from=zone_from)
        return self._times

    def _following(self) -> Iterator[dict[str, list[Any]]]:
        """Yield the metadata of all rows again, to settle the order of day and month."""
        return (_cells(chunk) for chunk in self._table)

    def _off(self, chunk: Chunk) -> NDArray[np.bool_] | None:
        if self._condition is None:
            return None
        places = {name: place for place, name in enumerate(self._table.features)}

        def column(name: str) -> Column:
            name = self._names[name]
            if name in places:
                return chunk.features[:, places[name]]
            values = np.empty(len(chunk.metadata), dtype=object)
            values[:] = [entry.get(name) for entry in chunk.metadata]
            return values

        off, unknown = self._condition.holds(column, len(chunk.metadata))
        counts = self._counts
        counts.off += int(off.sum())
        counts.unknown += int(unknown.sum())
        room = MAX_LEFT_OUT - len(counts.off_rows)
        rows = np.flatnonzero(off)[:room] + self._table.first_line + chunk.first_row
        counts.off_rows += rows.tolist()
        return off

    def quality(
        self,
        *,
        baseline: Mapping[str, Any] | None = None,
        roles: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Return the quality of the data as JSON, compared with that of the baseline's."""
        facts, counts = self._table.facts, self._counts
        before = {entry["name"]: entry for entry in (baseline or {}).get("sensors", ())}
        sensors = sensor_report(
            self._table.features,
            self._sensors.facts(),
            words=_words(facts),
            baseline=before,
            roles=roles or {},
        )
        time = self._time_facts()
        return {
            "files": [
                {"name": name, "understood": asdict(each), "left_out": _left_out(facts, name)}
                for name, each in self._table.understood
            ],
            "rows": {
                "read": counts.read,
                "off": counts.off,
                "off_unknown": counts.unknown,
                "off_rows": counts.off_rows,
                "labelled": self._labels.count,
                "left_out": len(facts.left_out),
            },
            "time": time,
            "absent_features": list(self._table.absent),
            "sensors": sensors,
            "problems": [*time["problems"], *self._problems()],
            "resolved": {"time_column": time["columns"], "time_format": time["format"]},
        }

    def _time_facts(self) -> dict[str, Any]:
        times = self._times or SampleTimes(None, 0, zone_from="default")
        facts = times.facts()
        if self._doubt is not None:
            problem = {"code": self._doubt.code, "params": dict(self._doubt.params), "text": self._doubt.text}
            facts["problems"] = [problem, *facts["problems"]]
        return facts

    def _problems(self) -> Iterator[dict[str, Any]]:
        counts = self._counts

        def say(code: str, text: str, **params: Any) -> dict[str, Any]:
            return {"code": code, "params": params, "text": text}

        for name in self._table.absent:
            yield say("sensor_absent", f"'{name}' is not in the file, so its values are missing", sensor=name)
        if counts.unknown:
            said = f"off_when is unknown for {counts.unknown} samples, because a value is missing"
            yield say("off_unknown", said, count=counts.unknown)
        if self._reading.labels and (self._times is None or self._times.name is None):
            yield say("labels_without_times", "the labels were not used, because the samples have no times")


def _cells(chunk: Chunk) -> dict[str, list[Any]]:
    if not chunk.metadata:
        return {}
    return {name: [entry.get(name) for entry in chunk.metadata] for name in chunk.metadata[0]}


def _words(facts: Facts) -> dict[str, dict[str, int]]:
    return {
        name: {word or "empty": count for word, count in words.items()}
        for name, words in facts.missing.items()
    }


def _left_out(facts: Facts, name: str) -> list[dict[str, Any]]:
    return [asdict(each) for each in facts.left_out[:MAX_LEFT_OUT] if _same_file(each, name)]


def _same_file(left: LeftOut, name: str) -> bool:
    return left.file == name


def judged(features: Floats, metadata: Sequence[Mapping[str, Any]]) -> Floats:
    """Return features (m, d) in which all values of samples that are not judged are missing."""
    off = np.fromiter((NOT_JUDGED in entry for entry in metadata), dtype=np.bool_, count=len(metadata))
    if not off.any():
        return features
    return np.where(off[:, None], np.nan, features)
