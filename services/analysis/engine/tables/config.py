"""How a file is to be read, where its content does not settle it: the fields of `reading` in a
configuration."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ..conditions import Condition
from ..errors import ConfigError
from ..joining.grid import HOWS, JOINS
from ..times.formats import TimeFormat
from ..times.labels import Label
from ..times.names import zone_named
from ..times.periods import period

DECIMALS = (".", ",")
THOUSANDS = ("", ".", ",", "'", " ")
DELIMITERS = (",", ";", "\t", "|", " ")
MISSING = ("use", "previous", "linear", "refuse")

MAX_MISSING_VALUES, MAX_WORD_CHARACTERS = 100, 100
"""More or longer words are a mistake in the request, not a list of marks."""

MAX_TIME_COLUMNS, MAX_METADATA_COLUMNS, MAX_LABELS = 2, 1000, 10_000
"""A date and a time of day; more columns or labels than anybody lists."""

MAX_SHEETS = 100
"""Worksheets that are named; a day per sheet makes 31."""

MAX_HEADER_LINE = 1000
"""A header further down than this is not a preamble's end."""


@dataclass(frozen=True, slots=True)
class ReadingConfig:
    """What a user says about files; None (or empty) means that the content decides.

    - `decimal`: `.` or `,`; `thousands`: `.`, `,`, `'`, a space (any kind), or an empty text for none;
    - `delimiter`: `,` `;` tab `|`, or a space for any number of blanks;
    - `encoding`: the name of a text encoding, such as `cp1252` or `utf-16`;
    - `header`: the line of the column names, counted from 1; 0 if there is none (`column_1`, `column_2` ...);
    - `missing_values`: words and numbers that mean "not measured", beside the known words;
    - `sheets`: the worksheets of a workbook to read, in this order;
    - `missing`: `use` leaves them to the analysis, `previous` and `linear` fill them in, `refuse` rejects
      the file.

    Times, shape and conditions:

    - `time_column`: the column of the times, or two: date and time of day; `time_format`: directives of
      strptime, `iso`, `epoch_s` (`_ms`, `_us`, `_ns`) or `excel`; `time_zone`: of times that state none;
    - `metadata_columns`: columns among the features that are none, such as labels;
    - `series_column`, `value_column`: of a long table, which has a row per value;
    - `resample`: the length of a row (`PT1S` to `PT1H`), of which `resample_by` takes the `mean`, `last` or
      `max`; `join`: whether rows that not every file contributes to stay (`outer`) or not (`inner`);
      `round_times`: times that differ by less are the same row;
    - `off_when`: a condition; rows for which it is true neither train nor alarm;
    - `labels`: what is known of times, which samples get as the metadata column `label`.
    """

    decimal: str | None = None
    thousands: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header: int | None = None
    missing_values: tuple[str, ...] = ()
    missing: str = "use"
    sheets: tuple[str, ...] = ()

    # Times, shape and conditions.
    time_column: tuple[str, ...] = ()
    time_format: str | None = None
    time_zone: str | None = None
    metadata_columns: tuple[str, ...] = ()
    series_column: str | None = None
    value_column: str | None = None
    resample: str | None = None
    resample_by: str = "mean"
    join: str = "outer"
    round_times: str | None = None
    off_when: str | None = None
    labels: tuple[Label, ...] = ()

    def validate(self) -> Self:
        """Return this configuration. Raises ConfigError naming the first field that is out of range."""
        self._choice("decimal", (None, *DECIMALS))
        self._choice("thousands", (None, *THOUSANDS))
        self._choice("delimiter", (None, *DELIMITERS))
        self._choice("missing", MISSING)
        if self.decimal is not None and self.decimal == self.thousands:
            raise ConfigError("decimal and thousands must differ", field="thousands")
        if self.encoding is not None and not _is_text_encoding(self.encoding):
            raise ConfigError(
                f"encoding must be a text encoding such as utf-8, utf-16 or cp1252, but is {self.encoding!r}",
                field="encoding",
            )
        header = self.header
        if header is not None and (type(header) is not int or not 0 <= header <= MAX_HEADER_LINE):
            raise ConfigError(
                f"header must be a line number of at most {MAX_HEADER_LINE}, or 0 for none, but is"
                f" {header!r}",
                field="header",
            )
        words = self.missing_values
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            raise ConfigError("missing_values must be a list of words", field="missing_values")
        if len(words) > MAX_MISSING_VALUES or any(len(word) > MAX_WORD_CHARACTERS for word in words):
            raise ConfigError(
                f"missing_values must hold at most {MAX_MISSING_VALUES} words of at most"
                f" {MAX_WORD_CHARACTERS} characters",
                field="missing_values",
            )
        self._validate_times()
        return self

    def _validate_times(self) -> None:
        self._names("time_column", MAX_TIME_COLUMNS)
        self._names("metadata_columns", MAX_METADATA_COLUMNS)
        self._names("sheets", MAX_SHEETS)
        self._choice("resample_by", HOWS)
        self._choice("join", JOINS)
        for name in ("series_column", "value_column", "time_zone", "time_format"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_WORD_CHARACTERS):
                raise ConfigError(f"{name} must be a short text, but is {value!r}", field=name)
        if (self.series_column is None) != (self.value_column is None):
            raise ConfigError("series_column and value_column go together", field="series_column")
        if self.time_format is not None:
            TimeFormat(self.time_format)
        if self.time_zone is not None:
            zone_named(self.time_zone)
        for name in ("resample", "round_times"):
            if (text := getattr(self, name)) is not None:
                period(text, name)
        if self.resample is not None and self.round_times is not None:
            raise ConfigError("resample and round_times exclude each other. Set one", field="round_times")
        if self.off_when is not None:
            Condition.parse(self.off_when)
        if len(self.labels) > MAX_LABELS:
            raise ConfigError(f"labels must be at most {MAX_LABELS}", field="labels")

    def _names(self, field: str, count: int) -> None:
        names = getattr(self, field)
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
            raise ConfigError(f"{field} must be a list of names", field=field)
        if len(names) > count or len(set(names)) < len(names):
            raise ConfigError(f"{field} must be at most {count} different names", field=field)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that JSON describes. Raises ConfigError."""
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"{name} is not a field of a reading configuration", field=name)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        given: dict[str, Any] = {**values, **lists}
        if isinstance(given.get("time_column"), str):
            given["time_column"] = (given["time_column"],)
        given["labels"] = tuple(map(Label.from_json, given.get("labels", ())))
        return cls(**given).validate()

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as JSON."""
        default = asdict(type(self)())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != default[name]
        }

    def _choice(self, name: str, known: tuple[str | None, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            shown = ", ".join(repr(item) for item in known if item is not None)
            raise ConfigError(f"{name} must be one of {shown}, but is {value!r}", field=name)


def _is_text_encoding(name: str) -> bool:
    """Tell whether Python knows a text encoding of this name (and not, for instance, `zip` or `rot13`)."""
    try:
        info = codecs.lookup(name)
        return bool(getattr(info, "_is_text_encoding", True)) and isinstance(
            b"a".decode(name, "replace"), str
        )
    except (LookupError, ValueError, TypeError, UnicodeError):
        return False
