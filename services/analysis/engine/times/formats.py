"""Formats of times: a text with strptime's directives, or a kind of number, read for whole columns at
once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from ..errors import ConfigError
from .names import MONTHS, plain, zone_offset

Moments = NDArray[np.int64]

NOT_A_TIME = np.iinfo(np.int64).min
"""Stands for a cell that is not a time, like numpy's NaT."""

NO_OFFSET = np.iinfo(np.int64).min
"""Stands for a time without a zone of its own."""

SECOND = 1_000_000
DAY = 86_400 * SECOND

ISO = "iso"
EPOCHS = {"epoch_s": SECOND, "epoch_ms": 1000, "epoch_us": 1, "epoch_ns": 0.001}
"""Microseconds in a unit of the number."""

EXCEL = "excel"
EXCEL_EPOCH_DAYS = -25_569
"""Day 0 of Excel's serials (1899-12-30) in days since 1970; right for all days since March 1900."""

NUMERIC = (*EPOCHS, EXCEL)

MIN_YEAR, MAX_YEAR = 1678, 2261
"""Years that fit nanoseconds in 64 bits, the widest resolution of the files that are read."""

WIDE_SPACES = "[\u00a0\u2007\u2009\u202f\u3000]"
"""Spaces other than the usual one; Windows and ICU write U+202F before AM and PM."""

DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "j": r"(?P<j>\d{1,3})",
    "b": r"(?P<b>\pL+\.?)",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    # After a colon, a count of milliseconds need not be padded: only three digits are beyond doubt.
    "S": r"(?P<S>\d{1,2})(?:[.,](?P<f>\d{1,9})|:(?P<g>\d{3}))?",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "z": r"(?P<z>[Zz]|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|\pL{2,5}|\pL+(?:/[\pL_+-]+\d*)+)",
    "a": r"\pL+\.?",
}
ALIASES = {"B": "b", "A": "a", "I": "H", "Z": "z", "e": "d", "k": "H", "l": "H"}
FIXED = {letter: rf"(?P<{letter}>\d{{2}})" for letter in "mdHMy"} | {
    "j": r"(?P<j>\d{3})",
    "S": r"(?P<S>\d{2})(?:[.,](?P<f>\d{1,9})|:(?P<g>\d{3}))?",
}
"""Widths where no separator tells one number from the next."""

SHORTHANDS = {"T": "%H:%M:%S", "D": "%m/%d/%y", "F": "%Y-%m-%d", "R": "%H:%M"}
CLOCK = "HMSpz"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Times as they are written: microseconds of the clock since 1970, and seconds east of UTC where stated.

    Both have one entry per cell, with NOT_A_TIME and NO_OFFSET where there is none.
    """

    local: Moments
    offset: Moments


@dataclass(frozen=True)
class TimeFormat:
    """How a column writes its times: strptime's text, `iso`, `epoch_s` (`_ms`, `_us`, `_ns`) or `excel`.

    A fraction of a second, a zone and the time of day may be missing in some cells (midnight is often
    exported as a date alone); everything else must be as the format says. Raises ConfigError if it is not a
    format.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text not in (*NUMERIC, ISO):
            _ = self.pattern

    @property
    def numeric(self) -> bool:
        """Whether times are written as numbers."""
        return self.text in NUMERIC

    @cached_property
    def letters(self) -> frozenset[str]:
        """The directives in the format."""
        tokens = _tokens("%Y-%m-%d %H:%M:%S%z" if self.text == ISO else self.text)
        return frozenset(letter for letter, _ in tokens if letter)

    @property
    def has_date(self) -> bool:
        """Whether a cell alone says the day."""
        return self.numeric or bool(self.letters & {"d", "j"})

    @property
    def has_clock(self) -> bool:
        """Whether a cell says the time of day."""
        return self.numeric or "H" in self.letters

    @cached_property
    def pattern(self) -> str:
        """The regular expression (RE2) of a cell, with a named group per directive."""
        if self.text == ISO:
            return (
                r"^\s*(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<H>\d{2}):(?P<M>\d{2})(?::(?P<S>\d{2})"
                r"(?:[.,](?P<f>\d{1,9}))?)?\s*(?:" + DIRECTIVES["z"] + r")?)?\s*$"
            )
        tokens = _tokens(self.text)
        letters = [letter for letter, _ in tokens if letter]
        if not letters or len(set(letters)) < len(letters):
            raise ConfigError(
                f"time_format '{self.text}' is not a format: use directives such as %Y-%m-%d %H:%M:%S, each"
                f" once, or one of {', '.join((ISO, *NUMERIC))}",
                field="time_format",
            )
        return rf"^\s*{_expression(tokens)}\s*$"

    def parse(self, cells: pa.Array) -> Parsed:
        """Read cells: text for written formats, text or numbers for numeric ones."""
        if self.numeric:
            return self._numbers(cells)
        if self.text in PLAIN_ISO and (moments := _cast(cells)) is not None:
            return Parsed(moments, np.full(len(cells), NO_OFFSET))
        if compute.all(compute.string_is_ascii(cells)).as_py() is False:
            text = compute.replace_substring_regex(cells, WIDE_SPACES, " ")
        else:
            text = cells
        found = compute.extract_regex(text, pattern=self.pattern)
        parts = {name: found.field(name) for name in (field.name for field in found.type)}
        matched = ~np.asarray(compute.is_null(found))
        days, known = _days(parts, matched)
        clock, valid = _clock(parts, matched)
        offset, understood = _offsets(parts.get("z"), len(cells))
        good = matched & known & valid & understood
        return Parsed(np.where(good, days * DAY + clock, NOT_A_TIME), np.where(good, offset, NO_OFFSET))

    def _numbers(self, cells: pa.Array) -> Parsed:
        values = numbers(cells)
        if self.text == EXCEL:
            # A float64 holds a serial to a third of a microsecond; Excel itself rounds to milliseconds.
            moments = np.round((values + EXCEL_EPOCH_DAYS) * 86_400_000) * 1000
        else:
            moments = np.round(values * EPOCHS[self.text])
        low, high = (_first_of(year) for year in (MIN_YEAR, MAX_YEAR))
        good = np.isfinite(moments) & (moments >= low) & (moments < high)
        local = np.where(good, np.where(good, moments, 0).astype(np.int64), NOT_A_TIME)
        # Epochs count from midnight UTC; Excel's serials are the clock on the wall.
        offset = np.full(len(values), NO_OFFSET if self.text == EXCEL else 0)
        return Parsed(local, offset)


def numbers(cells: pa.Array) -> NDArray[np.float64]:
    """Return cells as float64, NaN where a cell is no number; a decimal comma is accepted."""
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        return np.asarray(compute.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    text = compute.replace_substring(compute.utf8_trim_whitespace(cells), ",", ".")
    plain_number = compute.match_substring_regex(text, r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$")
    text = compute.if_else(plain_number, text, pa.scalar(None, text.type))
    return np.asarray(compute.cast(text, pa.float64()).to_numpy(zero_copy_only=False))


PLAIN_ISO = frozenset(f"%Y-%m-%d{sep}%H:%M:%S" for sep in " T")
"""Formats that Arrow reads itself, many times faster."""


def _cast(cells: pa.Array) -> Moments | None:
    """Return times in PLAIN_ISO, or None if a cell needs a closer look."""
    try:
        moments = compute.cast(cells, pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    low, high = _first_of(MIN_YEAR), _first_of(MAX_YEAR + 1)
    values = np.asarray(compute.fill_null(compute.cast(moments, pa.int64()), low))
    if values.size and (values.min() < low or values.max() >= high):
        return None
    return np.where(np.asarray(compute.is_null(moments)), NOT_A_TIME, values)


def texts(cells: Sequence[object]) -> pa.Array:
    """Return cells as an Arrow array of text; None stays None."""
    try:
        return pa.array(cells, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        pass  # some cells are numbers
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _tokens(text: str) -> list[tuple[str, str]]:
    """Split a format into (directive, "") and ("", literal) pieces."""
    for short, long in SHORTHANDS.items():
        text = text.replace(f"%{short}", long)
    text = re.sub(r"%S[.,:]%f", "%S", text)
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        if text[place] == "%" and text[place + 1 : place + 2] != "%":
            written = text[place + 1 : place + 2]
            letter = ALIASES.get(written, written)
            if letter not in DIRECTIVES:
                raise ConfigError(
                    f"time_format '{text}' contains %{written}, which is not supported",
                    field="time_format",
                )
            tokens.append((letter, ""))
            place += 2
        else:
            step = 2 if text.startswith("%%", place) else 1
            tokens.append(("", text[place]))
            place += step
    return tokens


def _expression(tokens: list[tuple[str, str]]) -> str:
    """Return the expression of a format; the clock is optional where a date precedes it."""
    clock = [place for place, (letter, _) in enumerate(tokens) if letter and letter in CLOCK]
    dated = [place for place, (letter, _) in enumerate(tokens) if letter and letter not in CLOCK]
    optional = bool(clock and dated) and max(dated) < min(clock)
    opened = max(dated) + 1 if optional else -1
    parts: list[str] = []
    for place, (letter, literal) in enumerate(tokens):
        if place == opened:
            parts.append("(?:")
        if not letter:
            parts.append(r"\s+" if literal.isspace() else re.escape(literal))
        elif letter == "z":
            # The blank before a zone goes with it.
            if parts and parts[-1] == r"\s+":
                parts.pop()
            parts.append(rf"(?:\s*{DIRECTIVES['z']})?")
        else:
            beside = [tokens[at][0] for at in (place - 1, place + 1) if 0 <= at < len(tokens)]
            crowded = any(each and each not in "paz" for each in beside)
            parts.append(FIXED.get(letter, DIRECTIVES[letter]) if crowded else DIRECTIVES[letter])
            if letter == "p" and len(parts) > 1 and parts[-2] == r"\s+":
                parts[-2] = r"\s*"
    return "".join(parts) + (")?" if optional else "")


def _integers(column: pa.Array | None, default: int, count: int) -> Moments:
    """Return a group's digits as integers, and the default where the group did not take part."""
    if column is None:
        return np.full(count, default, dtype=np.int64)
    column = compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column)
    values = compute.fill_null(compute.cast(column, pa.int64()), default)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.int64)


def _days(parts: dict[str, pa.Array], matched: NDArray[np.bool_]) -> tuple[Moments, NDArray[np.bool_]]:
    """Return days since 1970, and which of them are in the calendar. Without a date: day 0."""
    n = len(matched)
    if "d" not in parts and "j" not in parts:
        return np.zeros(n, dtype=np.int64), matched
    if "Y" in parts:
        year = _integers(parts["Y"], 1970, n)
    else:
        short = _integers(parts.get("y"), 70, n)
        # POSIX: 69 to 99 are in the twentieth century.
        year = np.where(short >= 69, 1900, 2000) + short
    if "j" in parts:
        day = _integers(parts["j"], 1, n)
        first = _civil(year, np.ones(n, dtype=np.int64))
        known = (day >= 1) & (day <= _civil(year + 1, np.ones(n, dtype=np.int64)) - first)
        return first + day - 1, known & (year >= MIN_YEAR) & (year <= MAX_YEAR)
    month = _months(parts["b"]) if "b" in parts else _integers(parts.get("m"), 1, n)
    day = _integers(parts["d"], 1, n)
    known = (month >= 1) & (month <= 12) & (day >= 1) & (year >= MIN_YEAR) & (year <= MAX_YEAR)
    month = np.where(known, month, 1)
    first = _civil(year, month)
    known &= day <= _civil(year + month // 12, month % 12 + 1) - first
    return first + day - 1, known


def _civil(year: Moments, month: Moments) -> Moments:
    """Return the first day of months, in days since 1970."""
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)


def _first_of(year: int) -> int:
    return int(_civil(np.array([year]), np.array([1]))[0]) * DAY


def _months(column: pa.Array) -> Moments:
    encoded = column.dictionary_encode()
    known = np.array([MONTHS.get(plain(name or ""), 0) for name in encoded.dictionary.to_pylist()] + [0])
    return np.asarray(known[np.asarray(compute.fill_null(encoded.indices, len(known) - 1))], dtype=np.int64)


def _clock(parts: dict[str, pa.Array], matched: NDArray[np.bool_]) -> tuple[Moments, NDArray[np.bool_]]:
    """Return microseconds since midnight, and which of them are on the clock (24:00 and leap seconds are)."""
    n = len(matched)
    hour, minute, second = (_integers(parts.get(name), 0, n) for name in "HMS")
    valid = (minute < 60) & (second <= 60)
    if "p" in parts:
        afternoon = np.asarray(compute.is_in(parts["p"], value_set=pa.array(["p", "P"])))
        stated = np.asarray(compute.fill_null(compute.not_equal(parts["p"], ""), False))
        valid &= ~stated | ((hour >= 1) & (hour <= 12))
        hour = np.where(stated, hour % 12 + 12 * afternoon, hour)
    valid &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    micro = np.zeros(n, dtype=np.int64)
    for name in ("f", "g"):
        if name in parts:
            padded = compute.utf8_slice_codeunits(compute.utf8_rpad(parts[name], 6, "0"), 0, 6)
            stated_fraction = compute.not_equal(parts[name], "")
            micro += _integers(compute.if_else(stated_fraction, padded, ""), 0, n)
    return ((hour * 60 + minute) * 60 + second) * SECOND + micro, valid


def _offsets(column: pa.Array | None, count: int) -> tuple[Moments, NDArray[np.bool_]]:
    """Return seconds east of UTC, and which zones were understood (none is understood, too)."""
    if column is None:
        return np.full(count, NO_OFFSET), np.ones(count, dtype=np.bool_)
    encoded = column.dictionary_encode()
    known = [zone_offset(name) if name else NO_OFFSET for name in encoded.dictionary.to_pylist()] + [
        NO_OFFSET
    ]
    values = np.array([NO_OFFSET if each is None else each for each in known])
    understood = np.array([each is not None for each in known])
    places = np.asarray(compute.fill_null(encoded.indices, len(known) - 1))
    return values[places], understood[places]
