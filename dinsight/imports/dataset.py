"""What an import brings: a machine's files, what is known of its times, and what the other service found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dinsight.imports.errors import ImportRefused


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive), in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ImportRefused(f"The range ends at {self.end:%Y-%m-%d %H:%M}, before it starts.")

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def meets(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """A label: what is known of a span, with its code."""

    span: Span
    code: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A CSV file. `names` gives its columns in order as they are called in the import."""

    path: Path
    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One machine of another service.

    `sensors` are the columns to take. `found` has the spans that the other service called anomalous over
    `judged`, or is None if its results are not at hand.
    """

    service: str
    machine: str
    files: Sequence[SourceFile]
    sensors: Sequence[str]
    training: Span | None = None
    evaluation: Span | None = None
    labels: Sequence[KnownEvent] = ()
    resample: str | None = None
    off_when: str | None = None
    found: Sequence[Span] | None = None
    notes: Sequence[str] = field(default_factory=tuple)


def moment_of(text: str, what: str) -> datetime:
    """Return a time in ISO 8601; UTC unless it has an offset. Raises ImportRefused."""
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise ImportRefused(
            f"{what} is {text!r}, which is not an ISO 8601 time such as 2024-03-21T08:37:00Z."
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def span_of(start: str, end: str, what: str) -> Span:
    """Return a range. Raises ImportRefused."""
    return Span(moment_of(start, f"The start of {what}"), moment_of(end, f"The end of {what}"))
