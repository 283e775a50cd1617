"""Labels that come beside a file: what is known of a time, such as a fault or a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np

from ..errors import ConfigError
from .formats import NOT_A_TIME, SECOND, Moments

COLUMN = "label"
"""The metadata column in which samples have their label."""

MAX_CODE_CHARACTERS = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Label:
    """A code from `start` (inclusive) to `end` (exclusive), as ISO 8601 texts; UTC unless they have an
    offset."""

    start: str
    end: str
    code: str

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return a label. Raises ConfigError."""
        if not isinstance(values, Mapping) or set(values) != {"start", "end", "code"}:
            raise ConfigError("a label has start, end and code", field="labels")
        label = cls(**{name: str(value) for name, value in values.items()})
        if not 0 < len(label.code) <= MAX_CODE_CHARACTERS:
            raise ConfigError(f"a label's code has 1 to {MAX_CODE_CHARACTERS} characters", field="labels")
        if _micros(label.start) >= _micros(label.end):
            raise ConfigError(
                f"the label '{label.code}' ends at {label.end}, before it starts", field="labels"
            )
        return label


class Labels:
    """Finds the labels of times."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = [(_micros(each.start), _micros(each.end), each.code) for each in labels]
        self._count = 0

    @property
    def count(self) -> int:
        """How many samples have got a label so far."""
        return self._count

    def mark(self, metadata: Sequence[dict[str, Any]], moments: Moments) -> None:
        """Write the label of each sample into its metadata; of several, those that start later are on top."""
        if not self._labels:
            return
        # Numbers of labels: ten thousand of them, each over all samples, must not take a step per pair.
        labels = sorted(self._labels)
        places = np.full(len(moments), -1)
        known = moments != NOT_A_TIME
        for number, (start, end, _) in enumerate(labels):
            places[known & (moments >= start) & (moments < end)] = number
        for entry, place in zip(metadata, places.tolist(), strict=True):
            entry[COLUMN] = labels[place][2] if place >= 0 else None
        self._count += int((places >= 0).sum())


def _micros(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"'{text}' is not an ISO 8601 time", field="labels") from None
    return round((aware - EPOCH).total_seconds() * SECOND)
