"""Reads a dataset's files as the platform does, joined on time, and cuts the samples into ranges."""

from __future__ import annotations

import csv
import gzip
import io
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from dinsight.imports.dataset import Dataset, KnownEvent, SourceFile, Span, moment_of
from dinsight.imports.errors import ImportRefused
from dinsight.imports.headers import copy_renamed, header_of

TIME = "timestamp"
"""The column of the times in what is sent; samples have ISO 8601 times there, in UTC."""

MAX_PIECES = 400
"""Runs of one import; a label makes two at most."""

END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(slots=True)
class Piece:
    """Samples of one range as a file to send; `event` is what is known of it."""

    name: str
    span: Span
    path: Path
    event: KnownEvent | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """The pieces of a dataset, and the samples that none of them has."""

    training: Piece
    runs: Sequence[Piece]
    labelled_in_training: int
    outside: int
    undated: int


@dataclass(slots=True)
class _Counts:
    labelled: int = 0
    outside: int = 0
    undated: int = 0
    writers: dict[str, Any] = field(default_factory=dict)


def cut(
    dataset: Dataset, folder: Path, *, time_zone: str | None = None, time_format: str | None = None
) -> Cut:
    """Write the samples of each range into a file in `folder`.

    Samples of the training range that a label covers do not train. Raises ImportRefused.
    """
    if dataset.training is None:
        raise ImportRefused(
            "The training range is not known. Name it with --train START END, or give the description of the"
            " model with --model."
        )
    if not dataset.sensors:
        raise ImportRefused("No column is a sensor. Check the schema.")
    training = Piece("training.csv.gz", dataset.training, folder / "training.csv.gz")
    runs = _runs(dataset, dataset.training, folder)
    starts = [piece.span.start for piece in runs]
    counts = _Counts()
    with ExitStack() as stack:
        for moment, text, row in _samples(dataset, folder, time_zone, time_format):
            if moment is None:
                counts.undated += 1
                continue
            piece = _piece(runs, starts, moment)
            if training.span.holds(moment):
                if any(event.span.holds(moment) for event in dataset.labels):
                    counts.labelled += 1
                else:
                    _write(stack, counts, training, dataset.sensors, text, row)
            elif piece is None:
                counts.outside += 1
            if piece is not None:
                _write(stack, counts, piece, dataset.sensors, text, row)
    if not training.rows:
        raise ImportRefused(
            f"No sample lies in the training range, {training.span.start:%Y-%m-%d %H:%M} to"
            f" {training.span.end:%Y-%m-%d %H:%M} UTC, outside of labels."
        )
    return Cut(
        training, [piece for piece in runs if piece.rows], counts.labelled, counts.outside, counts.undated
    )


def _runs(dataset: Dataset, training: Span, folder: Path) -> list[Piece]:
    """Return the evaluation range in order, cut where labels begin and end."""
    whole = dataset.evaluation or Span(training.end, END_OF_TIME)
    events = [event for event in dataset.labels if event.span.meets(whole)]
    borders = {whole.start, whole.end}
    borders |= {min(max(at, whole.start), whole.end) for event in events for at in _ends(event)}
    ordered = sorted(borders)
    pieces: list[Piece] = []
    for start, end in pairwise(ordered):
        span = Span(start, end)
        event = next((each for each in events if each.span.meets(span)), None)
        if pieces and pieces[-1].event is event:
            pieces[-1].span = Span(pieces[-1].span.start, end)
            continue
        name = f"run-{len(pieces) + 1:03d}.csv.gz"
        pieces.append(Piece(name, span, folder / name, event))
    if len(pieces) > MAX_PIECES:
        raise ImportRefused(
            f"The labels cut the evaluation range into {len(pieces)} runs, but at most {MAX_PIECES} are"
            " imported at once. Shorten it with --evaluate START END."
        )
    return pieces


def _ends(event: KnownEvent) -> tuple[datetime, datetime]:
    return event.span.start, event.span.end


def _piece(pieces: Sequence[Piece], starts: Sequence[datetime], moment: datetime) -> Piece | None:
    at = bisect_right(starts, moment) - 1
    return pieces[at] if at >= 0 and pieces[at].span.holds(moment) else None


def _write(
    stack: ExitStack, counts: _Counts, piece: Piece, sensors: Sequence[str], text: str, row: Sequence[float]
) -> None:
    writer = counts.writers.get(piece.name)
    if writer is None:
        packed = stack.enter_context(gzip.GzipFile(piece.path, "wb", compresslevel=6))
        writer = csv.writer(stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8", newline="")))
        writer.writerow([TIME, *sensors])
        counts.writers[piece.name] = writer
    writer.writerow([text, *("" if math.isnan(value) else repr(value) for value in row)])
    piece.rows += 1


def _samples(
    dataset: Dataset, folder: Path, time_zone: str | None, time_format: str | None
) -> Iterator[tuple[datetime | None, str, list[float]]]:
    """Yield time, its text and the sensors' values of each sample."""
    from services.analysis.engine import EngineConfig, EngineError, ReadingConfig, open_samples

    sensors = tuple(dataset.sensors)
    try:
        reading = ReadingConfig(time_zone=time_zone, time_format=time_format, resample=dataset.resample)
        samples = open_samples(
            [(_named(file, folder), file.name) for file in dataset.files],
            config=EngineConfig(end_meta="", start_dim=sensors[0], end_dim=sensors[-1]),
            reading=reading.validate(),
            training=False,
            features=sensors,
        )
        for chunk in samples:
            column = samples.time_column
            if column is None:
                problems = samples.quality()["time"]["problems"]
                said = problems[0]["text"] if problems else "no column holds times"
                raise ImportRefused(f"{dataset.files[0].name}: {said}. --time-format names it here.")
            for entry, row in zip(chunk.metadata, chunk.features.tolist(), strict=True):
                moment = _moment(entry.get(column))
                yield moment, "" if moment is None else _text(moment), row
    except EngineError as error:
        raise ImportRefused(str(error)) from error


def _moment(text: object) -> datetime | None:
    try:
        return None if text is None else moment_of(str(text), "a time")
    except ImportRefused:
        return None


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _named(file: SourceFile, folder: Path) -> Path:
    """Return a file whose header has the names of the import."""
    if header_of(file.path) == file.names:
        return file.path
    target = folder / "renamed" / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as copy:
        copy_renamed(file.path, file.names, copy)
    return target
