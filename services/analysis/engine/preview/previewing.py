"""Reads the beginning of a file, describes its columns, and proposes a configuration that has been tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, TypeVar

from ..config import EngineConfig
from ..errors import ConfigError, EngineError, TableError
from ..joining.layout import Long, long_layout
from ..opening import open_samples
from ..tables.config import ReadingConfig
from ..tables.limits import MIB, Limits
from ..tables.metadata import texts
from ..tables.sheet import Sheet
from ..tables.sheets import open_sheets
from ..times.finding import TimeColumn
from ..times.resolving import TimeSettings, resolve
from .roles import Role, role_of, unit_of

T = TypeVar("T")

MAX_ROWS = 5_000
"""Rows that are looked at. They take a fraction of a second."""

MAX_CELLS = 200_000
"""Of a table with many columns, fewer rows."""

MIN_ROWS = 200

MAX_TRIES = 30
"""Changes that are tried one after the other; each settles one question."""

LIMITS = Limits(
    expanded_bytes=64 * MIB, ratio_from_bytes=16 * MIB, line_bytes=8 * MIB, batch_bytes=16 * MIB, members=100
)
"""A preview may cost far less than an analysis."""

QUESTIONS = {"ambiguous_number": "decimal"}
QUESTION_TEXTS = {"decimal": "If the decimal separator is"}
"""Errors that are questions, and the field that answers them: the preview has no answer of its own."""

SETTLED_BY_CELLS = ("days_above_12", "continuity", "dots")
"""Reasons for an order of day and month that the next file might not give: the proposal names the format."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first rows of a sheet as text, by column, and its layout."""

    sheet: Sheet
    cells: dict[str, list[str | None]]
    rows: int
    time: TimeColumn | None
    long: Long | None


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


def preview_file(
    content: BinaryIO, name: str, config: EngineConfig, reading: ReadingConfig
) -> dict[str, Any]:
    """Return what is understood of a file as JSON: `understood`, `columns`, `problems`, `proposed_config`.

    `content` is the file or its beginning. The proposal has been tried on it; it is None if there is a
    question that only the user can answer, and then a problem has the answers to choose from. Never raises
    TableError.
    """
    problems: list[dict[str, Any]] = []
    settings = Settings(config, reading, reading.to_json())
    opened = _tried(settings, problems, lambda mine: _head(content, name, mine.reading))
    if opened is None:
        return {"understood": None, "columns": [], "problems": problems, "proposed_config": None}
    settings, head = opened
    settings, roles = _proposal(settings, head)
    tried = _tried(settings, problems, lambda mine: _trial(content, name, mine))
    quality = None
    if tried is not None:
        settings, quality = tried
        problems += [{**each, "change": None} for each in quality["problems"]]
        problems += _time_questions(head)
    return {
        "understood": _understood(head, quality),
        "columns": _columns(head, roles, settings, quality),
        "problems": problems,
        "proposed_config": None if tried is None else settings.proposed,
    }


def _tried(
    settings: Settings, problems: list[dict[str, Any]], step: Callable[[Settings], T]
) -> tuple[Settings, T] | None:
    """Return what a step gives, after the changes that its errors advise; None if an error advises none."""
    for _ in range(MAX_TRIES):
        try:
            return settings, step(settings)
        except EngineError as error:
            options = _options(error)
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


def _options(error: EngineError) -> list[dict[str, Any]]:
    """Return the answers to choose from if an error is a question: nobody guesses how numbers are written."""
    if not isinstance(error, TableError) or error.code not in QUESTIONS:
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


def _advised(error: EngineError, settings: Settings) -> dict[str, Any] | None:
    """Return the change that would make the file readable, if it is new."""
    if not isinstance(error, TableError):
        return None
    change: dict[str, Any] | None = error.proposal or error.suggestion
    if change is None and error.code in ("not_a_number", "not_numbers", "switch_or_number") and error.column:
        change = {"metadata_columns": [*settings.reading.metadata_columns, error.column]}
    if change is None or all(settings.proposed.get(name) == value for name, value in change.items()):
        return None
    return change


def _problem(error: EngineError, change: Mapping[str, Any] | None) -> dict[str, Any]:
    code = getattr(error, "code", "config_invalid")
    params = dict(getattr(error, "params", {}))
    return {
        "code": code,
        "params": params,
        "text": error.message,
        "row": error.row,
        "column": error.column,
        "change": None if change is None else dict(change),
    }


def _head(content: BinaryIO, name: str, reading: ReadingConfig) -> Head:
    sheet = open_sheets(content, name, reading, LIMITS)[0]
    cells: dict[str, list[str | None]] = {column: [] for column in sheet.header}
    rows, wanted = 0, max(MIN_ROWS, min(MAX_ROWS, MAX_CELLS // len(sheet.header)))
    for batch in sheet.batches():
        part = batch.part(0, min(batch.rows, wanted - rows))
        for place, column in enumerate(sheet.header):
            cells[column] += part.columns[place].to_pylist() if part.text else texts(part, place)
        rows += part.rows
        if rows >= wanted:
            break
    time, _ = resolve(cells, TimeSettings(reading.time_column, reading.time_format))
    return Head(
        sheet, cells, rows, time, long_layout(sheet.header, sheet.kinds, cells, time, reading, file=name)
    )


def _proposal(settings: Settings, head: Head) -> tuple[Settings, dict[str, Role]]:
    """Return the settings with the columns that the file's content suggests."""
    sheet, time = head.sheet, head.time
    dated = () if time is None or not time.formats[0].has_date else time.columns
    roles = {name: Role("time") for name in dated}
    for name, kind in zip(sheet.header, sheet.kinds, strict=True):
        if name not in roles:
            roles[name] = role_of(name, kind, head.cells[name])
        if name in settings.reading.metadata_columns:
            roles[name] = Role("metadata", "column_configured", "the configuration says so")
    _set_aside_constants(sheet.header, head.cells, roles)
    change: dict[str, Any] = {}
    if time is not None and dated:
        change["time_column"] = list(dated)
        if time.doubt is None and (time.reason in SETTLED_BY_CELLS or time.formats[0].numeric):
            change["time_format"] = time.formats[0].text
    if head.long is not None:
        change |= {"series_column": head.long.series, "value_column": head.long.value}
        roles |= {head.long.series: Role("series"), head.long.value: Role("value")}
    else:
        change |= _features(sheet.header, roles, settings.reading)
    return settings.changed(change), roles


def _set_aside_constants(
    header: Sequence[str], cells: Mapping[str, Sequence[str | None]], roles: dict[str, Role]
) -> None:
    """Make metadata of constants that stand among the metadata before the features, as settings do."""
    waiting: list[str] = []
    for name in header:
        if roles[name].role == "feature":
            if len(set(cells[name])) > 1:
                break
            waiting.append(name)
        elif waiting:
            for each in waiting:
                roles[each] = Role("metadata", "column_constant", "it is constant, and stands among metadata")
            waiting = []


def _features(header: Sequence[str], roles: Mapping[str, Role], reading: ReadingConfig) -> dict[str, Any]:
    """Return the range of the features, and what in it is none."""
    places = [place for place, name in enumerate(header) if roles[name].role == "feature"]
    if not places:
        return {}
    first, last = places[0], places[-1]
    between = [name for name in header[first : last + 1] if roles[name].role == "metadata"]
    change: dict[str, Any] = {
        "end_meta": header[first - 1] if first else "",
        "start_dim": header[first],
        "end_dim": header[last],
    }
    if between:
        known = reading.metadata_columns
        change["metadata_columns"] = [*known, *(name for name in between if name not in known)]
    return change


def _trial(content: BinaryIO, name: str, settings: Settings) -> dict[str, Any]:
    """Read the file as an analysis would, and return the quality of its data. Raises TableError."""
    samples = open_samples(
        [(content, name)], config=settings.config, reading=settings.reading, limits=LIMITS, training=True
    )
    rows = 0
    for chunk in samples:
        rows += len(chunk.metadata)
        if rows >= MAX_ROWS:
            break
    if not samples.features:
        raise TableError("no column holds measurements", file=name, code="no_features")
    return samples.quality()


def _time_questions(head: Head) -> list[dict[str, Any]]:
    """Return the answers to choose from where day and month cannot be told apart."""
    doubt = None if head.time is None else head.time.doubt
    if doubt is None:
        return []
    formats = doubt.params.get("formats")
    return [
        {
            "code": f"{doubt.code}_option",
            "params": {"time_format": each},
            "text": f"If times are written as {each}, set time_format to it",
            "column": None if head.time is None else head.time.name,
            "change": {"time_format": each},
        }
        for each in (formats if isinstance(formats, list) else [])
    ]


def _understood(head: Head, quality: Mapping[str, Any] | None) -> dict[str, Any]:
    stated = asdict(head.sheet.understood) if quality is None else dict(quality["files"][0]["understood"])
    time = {"columns": [], "format": None, "problems": []} if quality is None else quality["time"]
    return stated | {"layout": "long" if head.long else "wide", "rows": head.rows, "time": time}


def _columns(
    head: Head, roles: Mapping[str, Role], settings: Settings, quality: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    sensors = {entry["name"]: entry for entry in (quality or {}).get("sensors", ())}
    units = head.sheet.understood.units
    found = []
    for place, (name, kind) in enumerate(zip(head.sheet.header, head.sheet.kinds, strict=True)):
        role, sensor = roles[name], sensors.get(name)
        if role.role == "feature" and name in settings.reading.metadata_columns:
            role = Role("metadata", "column_configured", "some of its cells are no numbers")
        present = [cell for cell in head.cells[name] if cell]
        found.append(
            {
                "name": name,
                "kind": "time" if role.role == "time" else kind,
                "role": role.role,
                "why": role.why,
                "unit": unit_of(name, units[place] if place < len(units) else ""),
                "missing": head.rows - len(present) if sensor is None else sensor["missing"],
                "status_words": {} if sensor is None else sensor["status_words"],
                "constant": len(set(present)) == 1 if sensor is None else sensor["constant"],
                "example": present[0][:100] if present else None,
                "doubts": [] if sensor is None else sensor["remarks"],
            }
        )
    return found
