"""Decides how a file writes numbers: by all its cells together, never cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute

from ..errors import TableError
from .cells import APOSTROPHES, FORTRAN, SPACES
from .config import ReadingConfig

OTHER = {".": ",", ",": "."}

GROUPINGS = {"": "", ".": r"\.", ",": ",", "'": f"[{APOSTROPHES}]", " ": f"[{SPACES}]"}


@dataclass(frozen=True, slots=True)
class Style:
    """How numbers are written. `thousands` is None as long as nothing has been grouped."""

    decimal: str = "."
    thousands: str | None = None

    @property
    def plain(self) -> str:
        """The pattern of numbers without groups."""
        point = GROUPINGS[self.decimal]
        return rf"^[+-]?((\d+{point}?\d*|{point}\d+)([eE][+-]?\d+)?|\d*{point}\d+{FORTRAN})$"

    @property
    def any(self) -> str:
        """The pattern of numbers with or without groups."""
        return self.plain if self.grouped is None else f"{self.plain}|{self.grouped}"

    @property
    def grouped(self) -> str | None:
        """The pattern of numbers with groups of three digits, if there are any."""
        if not self.thousands:
            return None
        # Nobody groups what begins with a zero: 0.123 is no 123 in a file of groups either.
        return rf"^[+-]?[1-9]\d{{0,2}}({GROUPINGS[self.thousands]}\d{{3}})+({GROUPINGS[self.decimal]}\d*)?$"


@dataclass(slots=True)
class Seen:
    """What the cells of one column say about a separator: how many, where the first is, and where the first
    is in which it can only be decimal."""

    decimal: int = 0
    grouped: int = 0
    either: int = 0
    example: tuple[int, str] | None = None
    proof: tuple[int, str] | None = None


class _Patterns:
    """What a cell with a separator can be."""

    def __init__(self, separator: str) -> None:
        mine, other = GROUPINGS[separator], GROUPINGS[OTHER[separator]]
        spaced = f"[{SPACES}{APOSTROPHES}]"
        self.either = rf"^[+-]?[1-9]\d{{0,2}}{mine}\d{{3}}$"
        self.decimal = (
            rf"^[+-]?(\d*{mine}\d*([eE][+-]?\d+|{FORTRAN})?|[1-9]\d{{0,2}}({other}\d{{3}})+{mine}\d*"
            rf"|[1-9]\d{{0,2}}({spaced}\d{{3}})+{mine}\d*)$"
        )
        self.grouped = rf"^[+-]?[1-9]\d{{0,2}}({mine}\d{{3}})+({mine}\d{{3}}|{other}\d*)$"


PATTERNS = {separator: _Patterns(separator) for separator in OTHER}


@dataclass(slots=True)
class Evidence:
    """What the cells of a file say about its separators, by column and separator."""

    seen: dict[tuple[int, str], Seen] = field(default_factory=dict)

    def add(self, place: int, column: pa.Array, first_row: int) -> None:
        """Look at successive cells of a column (text)."""
        for separator, patterns in PATTERNS.items():
            holds = compute.match_substring(column, separator)
            if not compute.any(holds).as_py():
                continue
            cells = compute.utf8_trim_whitespace(column.filter(holds))
            seen = self.seen.setdefault((place, separator), Seen())
            either = compute.match_substring_regex(cells, patterns.either)
            decimal = compute.and_not(compute.match_substring_regex(cells, patterns.decimal), either)
            grouped = compute.match_substring_regex(cells, patterns.grouped)
            seen.either += compute.sum(either).as_py() or 0
            seen.decimal += compute.sum(decimal).as_py() or 0
            seen.grouped += compute.sum(grouped).as_py() or 0
            rows = compute.indices_nonzero(holds)
            if seen.example is None:
                marked = compute.or_(compute.or_(either, decimal), grouped)
                seen.example = _first(marked, cells, rows, first_row)
            if seen.proof is None:
                seen.proof = _first(decimal, cells, rows, first_row)

    def total(self, kind: str, separator: str) -> int:
        """Return how many cells of all columns are of a kind (`decimal`, `grouped`, `either`)."""
        return sum(getattr(seen, kind) for (_, of), seen in self.seen.items() if of == separator)

    @property
    def settled(self) -> bool:
        """Tell whether further cells could not change the decision: decimals and groups are both proved."""
        return any(self.total("decimal", mark) and self.total("grouped", OTHER[mark]) for mark in OTHER)

    def decimals(self) -> list[str]:
        """Return the separators that can only be decimal: seen with too few digits, or together with
        groups."""
        return [mark for mark in OTHER if self.total("decimal", mark)]


@dataclass(frozen=True)
class Question:
    """What the evidence leaves open, and where; `proposal` holds an answer, as fields of the
    configuration."""

    code: str
    place: int
    row: int
    cell: str
    other: str = ""
    proposal: dict[str, str] | None = None

    @property
    def words(self) -> str:
        """The question as a sentence, without its place in the file."""
        if self.code == "mixed_decimals":
            return (
                f"'{self.cell}' and '{self.other}' do not go together: one has a decimal point, the other a"
                " decimal"
                " comma. Write all numbers of the file in one way"
            )
        if self.code == "ambiguous_groups":
            mark = "".join((self.proposal or {}).values())
            return (
                f"'{self.cell}' is {_read(self.cell, OTHER[mark])} if '{mark}' separates thousands, but no"
                " other cell"
                f" says so. Set thousands to '{mark}' in the configuration, or correct the cell"
            )
        return (
            f"'{self.cell}' can be read in two ways, and no other cell settles it. Set decimal in the"
            " configuration:"
            f" '.' makes it {_read(self.cell, '.')}, ',' makes it {_read(self.cell, ',')}"
        )


def _read(cell: str, decimal: str) -> str:
    text = cell.replace(OTHER[decimal], "").replace(decimal, ".")
    return f"{float(text):g}" if "." in text else text.lstrip("+")


def decide(evidence: Evidence, reading: ReadingConfig, delimiter: str | None) -> Style | Question:
    """Return how numbers are written, or what has to be asked.

    A separator is decimal if some cell cannot be read otherwise: other than three digits follow it, a zero
    precedes it, or groups do. The other one then groups thousands, if it does so somewhere beyond doubt, or
    in
    columns without decimals. A comma that delimits cells is no decimal comma unless a cell (quoted) has one.
    """
    if reading.thousands in OTHER and reading.decimal is None:
        return Style(OTHER[reading.thousands], reading.thousands)
    decimals = [reading.decimal] if reading.decimal is not None else evidence.decimals()
    if reading.thousands is not None and not reading.decimal:
        # Spaces or apostrophes make groups, or nothing does.
        decimals = [
            mark for mark in OTHER if evidence.total("decimal", mark) or evidence.total("either", mark)
        ]
    if len(decimals) == 2:
        return _mixed(evidence)
    if not decimals:
        return _without_decimals(evidence, reading, delimiter)
    (decimal,) = decimals
    other = OTHER[decimal]
    if reading.thousands is not None:
        return Style(decimal, reading.thousands)
    if evidence.total("grouped", other):
        return Style(decimal, other)
    if not evidence.total("either", other):
        return Style(decimal)
    for (place, mark), seen in evidence.seen.items():
        # In one column, 1.234 beside 2,5 may be groups, but also a slip.
        if mark == other and seen.either and (place, decimal) in evidence.seen:
            assert seen.example is not None
            return Question("ambiguous_groups", place, *seen.example, proposal={"thousands": other})
    return Style(decimal, other)


def _without_decimals(evidence: Evidence, reading: ReadingConfig, delimiter: str | None) -> Style | Question:
    grouped = [mark for mark in OTHER if evidence.total("grouped", mark)]
    if len(grouped) == 2:
        return _mixed(evidence)
    if grouped:
        return Style(OTHER[grouped[0]], grouped[0])
    either = [mark for mark in OTHER if evidence.total("either", mark)]
    if not either:
        return Style(".", reading.thousands)
    if delimiter == "," and either == ["."]:
        return Style(".")
    place, mark = next(key for key, seen in evidence.seen.items() if seen.either and key[1] in either)
    example = evidence.seen[place, mark].example
    assert example is not None
    proposal = {"decimal": "."} if len(either) == 1 else {"decimal": ".", "thousands": ","}
    return Question("ambiguous_number", place, *example, proposal=proposal)


def _first(mask: pa.Array, cells: pa.Array, rows: pa.Array, first_row: int) -> tuple[int, str] | None:
    """Return the row and the text of the first cell that a mask marks."""
    at = compute.index(mask, True).as_py()
    return None if at < 0 else (first_row + rows[at].as_py(), cells[at].as_py())


def _evident(evidence: Evidence, mark: str) -> tuple[int, int, str]:
    """Return the place, row and text of a cell that shows what a separator is."""
    seen = [(place, each) for (place, of), each in evidence.seen.items() if of == mark]
    proofs = [(place, *each.proof) for place, each in seen if each.proof is not None]
    groups = [(place, *each.example) for place, each in seen if each.example is not None and each.grouped]
    return (proofs or groups)[0]


def _mixed(evidence: Evidence) -> Question:
    first, second = (_evident(evidence, mark) for mark in OTHER)
    if first[1] < second[1]:
        first, second = second, first
    return Question("mixed_decimals", *first, other=second[2])


def ask(question: Question, header: Sequence[str], file: str, line: int | None) -> TableError:
    """Return the error that asks the user."""
    params: dict[str, Any] = {"cell": question.cell}
    if question.other:
        params["other"] = question.other
    if question.code == "ambiguous_number":
        params["options"] = list(OTHER)
    return TableError(
        question.words,
        file=file,
        row=line,
        column=header[question.place],
        code=question.code,
        params=params,
        proposal=dict(question.proposal) if question.proposal else None,
    )


def gather(batches: Iterable[tuple[int, Sequence[tuple[int, pa.Array]]]], *, first_proof: bool) -> Evidence:
    """Return the evidence of (first row, columns with their places); stop once nothing can change.

    With `first_proof`, stop at the first cell that proves a decimal separator: reading on finds whatever
    contradicts it.
    """
    evidence = Evidence()
    for first_row, columns in batches:
        for place, column in columns:
            evidence.add(place, column, first_row)
        decimals = evidence.decimals()
        proved = len(decimals) == 1 and not evidence.total("either", OTHER[decimals[0]])
        if evidence.settled or len(decimals) == 2 or (first_proof and proved):
            break
    return evidence
