"""Tries a file with a configuration, and changes it as the errors advise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar

import numpy as np

from ..config import EngineConfig
from ..errors import ConfigError, EngineError, TableError
from ..opening import open_samples
from ..tables.config import ReadingConfig
from ..tables.faults import MEASURED
from ..tables.fills import Fill, propose_fills
from ..tables.limits import MIB, Limits

T = TypeVar("T")

MAX_ROWS = 5_000
"""Rows that are looked at. They take a fraction of a second."""

MAX_TRIES = 30
"""Changes that are tried one after the other; each settles one question."""

LIMITS = Limits(
    expanded_bytes=64 * MIB, ratio_from_bytes=16 * MIB, line_bytes=8 * MIB, batch_bytes=16 * MIB, members=100
)
"""A preview may cost far less than an analysis."""

QUESTIONS = {"ambiguous_number": "decimal"}
QUESTION_TEXTS = {"decimal": "If the decimal separator is"}
"""Errors that are questions, and the field that answers them: the preview has no answer of its own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file is tried with, and what of it is proposed to the user."""

    config: EngineConfig
    reading: ReadingConfig
    proposed: dict[str, Any]

    def changed(self, change: Mapping[str, Any]) -> Settings:
        """Return the settings after a change. Raises ConfigError."""
        engine = {name: value for name, value in change.items() if hasattr(self.config, name)}
        read = {name: value for name, value in change.items() if name not in engine}
        reading = ReadingConfig.from_json({**self.reading.to_json(), **read})
        return Settings(replace(self.config, **engine), reading, {**self.proposed, **change})


def tried(
    settings: Settings, problems: list[dict[str, Any]], step: Callable[[Settings], T]
) -> tuple[Settings, T] | None:
    """Return what a step gives, after the changes that its errors advise; None if an error advises none."""
    for _ in range(MAX_TRIES):
        try:
            return settings, step(settings)
        except EngineError as error:
            options = _options(error, settings)
            change = None if options else _advised(error, settings)
            problems += [_problem(error, change), *options]
            if change is None:
                return None
            try:
                settings = settings.changed(change)
            except ConfigError:
                problems[-1]["change"] = None
                return None
    return None


def _options(error: EngineError, settings: Settings) -> list[dict[str, Any]]:
    """Return the answers to choose from if an error is a question: nobody guesses how numbers are written."""
    if not isinstance(error, TableError):
        return []
    if error.proposal and error.code == "not_a_number" and MEASURED.match(str(error.params["cell"])):
        return _measured(error, settings)
    if error.code not in QUESTIONS:
        return []
    field = QUESTIONS[error.code]
    return [
        {
            "code": f"{error.code}_option",
            "params": {field: option},
            "text": f"{QUESTION_TEXTS[field]} '{option}', set {field} to it",
            "column": error.column,
            "change": {field: option},
        }
        for option in error.params.get("options", ())
    ]


def _measured(error: TableError, settings: Settings) -> list[dict[str, Any]]:
    """Return what can be done about a number with something beside it: it was measured, and nobody but the
    user may say that it is missing."""
    params = {"cell": error.params["cell"]}
    return [
        {
            "code": "number_aside_option",
            "params": params,
            "text": f"If the column is not a feature, add '{error.column}' to metadata_columns",
            "column": error.column,
            "change": {"metadata_columns": [*settings.reading.metadata_columns, error.column]},
        },
        {
            "code": "number_missing_option",
            "params": params,
            "text": f"If '{params['cell']}' means that nothing was measured, add it to missing_values",
            "column": error.column,
            "change": error.proposal,
        },
    ]


def _advised(error: EngineError, settings: Settings) -> dict[str, Any] | None:
    """Return the change that would make the file readable, if it is new."""
    if not isinstance(error, TableError):
        return None
    change: dict[str, Any] | None = error.proposal
    if change is None and error.code in ("not_a_number", "not_numbers", "switch_or_number") and error.column:
        change = {"metadata_columns": [*settings.reading.metadata_columns, error.column]}
    if change is None or all(settings.proposed.get(name) == value for name, value in change.items()):
        return None
    return change


def _problem(error: EngineError, change: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "code": error.code,
        "params": dict(error.params),
        "text": error.message,
        "row": error.row,
        "column": error.column,
        "change": None if change is None else dict(change),
    }


@dataclass(frozen=True, slots=True)
class Trial:
    """What reading a file gave: the quality of its data, and numbers that may mean "not measured"."""

    quality: dict[str, Any]
    fills: list[Fill]


def fills_of(settings: Settings, fills: Sequence[Fill]) -> list[dict[str, Any]]:
    """Return a problem for each mark, whose changes add up. A zero is asked about, and not proposed."""
    listed = list(settings.reading.missing_values)
    found = []
    for fill in sorted(fills, key=lambda each: each.value != 0):
        word = f"{fill.value:g}" if fill.value != round(fill.value) else str(round(fill.value))
        if word not in listed:
            listed = [*listed, word]
        found.append(
            {
                "code": "fill_value",
                "params": {"value": fill.value, "cells": fill.cells},
                "text": f"{word} stands in {fill.cells} cells far from all others, and may mean that nothing"
                " was measured. If so, add it to missing_values",
                "column": fill.column,
                "change": {"missing_values": listed},
            }
        )
        if not fill.value:
            listed = listed[:-1]
    return found


def trial(content: BinaryIO, name: str, settings: Settings) -> Trial:
    """Read the file as an analysis would. Raises TableError."""
    samples = open_samples(
        [(content, name)], config=settings.config, reading=settings.reading, limits=LIMITS, training=True
    )
    rows = 0
    parts = []
    for chunk in samples:
        rows += len(chunk.metadata)
        parts.append(chunk.features)
        if rows >= MAX_ROWS:
            break
    if not samples.features or not parts:
        raise TableError("no column holds measurements", file=name, code="no_features")
    return Trial(samples.quality(), propose_fills(np.concatenate(parts), samples.features))
