"""Reads the beginning of a file, describes its columns, and proposes a configuration that has been tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from ..config import EngineConfig
from ..joining.layout import Long, long_layout
from ..tables.config import ReadingConfig
from ..tables.metadata import texts
from ..tables.sheet import Sheet
from ..tables.sheets import open_sheets
from ..times.finding import TimeColumn
from ..times.resolving import TimeSettings, resolve
from .roles import Role, role_of, unit_of
from .trying import LIMITS, MAX_ROWS, Settings, fills_of, trial, tried

MAX_CELLS = 200_000
"""Of a table with many columns, fewer rows."""

MIN_ROWS = 200

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
    opened = tried(settings, problems, lambda mine: _head(content, name, mine.reading))
    if opened is None:
        return {"understood": None, "columns": [], "problems": problems, "proposed_config": None}
    settings, head = opened
    settings, roles = _proposal(settings, head)
    attempt = tried(settings, problems, lambda mine: trial(content, name, mine))
    if attempt is not None:
        # Marks of missing values are taken for measurements unless the configuration lists them.
        fills = fills_of(attempt[0], attempt[1].fills)
        problems += fills
        if fills and fills[-1]["params"]["value"]:
            marked = attempt[0].changed(fills[-1]["change"])
            attempt = tried(marked, problems, lambda mine: trial(content, name, mine)) or attempt
    quality = None
    if attempt is not None:
        settings, quality = attempt[0], attempt[1].quality
        problems += [{**each, "change": None} for each in quality["problems"]]
        problems += _time_questions(head)
    return {
        "understood": _understood(head, quality),
        "columns": _columns(head, roles, settings, quality),
        "problems": problems,
        "proposed_config": None if attempt is None else settings.proposed,
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
        if head.long.quality is not None:
            why = "it states the quality of other values: those it calls bad count as missing"
            roles[head.long.quality] = Role("metadata", "column_quality", why)
    else:
        change |= _features(sheet.header, roles, settings.reading)
    return settings.changed(change), roles


def _set_aside_constants(
    header: Sequence[str], cells: Mapping[str, Sequence[str | None]], roles: dict[str, Role]
) -> None:
    """Make metadata of constants that lie among the metadata before the features, as settings do."""
    waiting: list[str] = []
    for name in header:
        if roles[name].role == "feature":
            if len(set(cells[name])) > 1:
                break
            waiting.append(name)
        elif waiting:
            for each in waiting:
                why = "it is constant, and lies among the metadata columns"
                roles[each] = Role("metadata", "column_constant", why)
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
            role = Role("metadata", "column_not_numbers", "some of its cells are not numbers")
        present = [cell for cell in head.cells[name] if cell]
        found.append(
            {
                "name": name,
                "kind": "time" if role.role == "time" else kind,
                "role": role.role,
                "why": role.remark,
                "unit": unit_of(name, units[place] if place < len(units) else ""),
                "missing": head.rows - len(present) if sensor is None else sensor["missing"],
                "status_words": {} if sensor is None else sensor["status_words"],
                "constant": len(set(present)) == 1 if sensor is None else sensor["constant"],
                "example": present[0][:100] if present else None,
                "doubts": [] if sensor is None else sensor["remarks"],
            }
        )
    return found
