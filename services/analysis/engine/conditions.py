"""`off_when`: a condition over columns, such as `speed < 100 and not mode = 'test'`.

Grammar, loosest first: `or`, `and`, `not`, then comparisons (`<  <=  >  >=  =  ==  !=  <>`) of columns,
numbers and 'texts', `column is missing`, `column is not missing`, and parentheses. Names with blanks or signs
stand in double quotes or square brackets. A comparison with a missing value is unknown, and a row counts only
if the whole condition is true (three-valued logic, as in SQL).
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, TableError

Bools = NDArray[np.bool_]
Column = NDArray[Any]

MAX_CHARACTERS, MAX_DEPTH = 2_000, 50
"""A longer or deeper condition is a mistake, and recursion must end."""

FIELD = "off_when"
TOKEN = re.compile(
    r"\s*(?:(?P<name>\"[^\"]+\"|`[^`]+`|\[[^\]]+\])|(?P<text>'(?:[^']|'')*')|(?P<sign><=|>=|<>|!=|==|[<>=()])"
    r"|(?P<word>[^\s<>=!()'\"`\[\]]+))"
)
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Truth:
    """Which rows are true, and which are known to be true or false; both (m,)."""

    true: Bools
    known: Bools


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


Operand = Name | float | str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and a sign."""

    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether a column has no value."""

    name: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Both:
    """Two conditions joined by `and` or `or`."""

    word: str
    left: Node
    right: Node


Node = Comparison | Missing | Not | Both


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition."""

    text: str
    root: Node

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parse a condition. Raises ConfigError that says where it cannot be understood."""
        if len(text) > MAX_CHARACTERS:
            raise ConfigError(f"off_when has more than {MAX_CHARACTERS} characters", field=FIELD)
        return cls(text, _Parser(text).whole())

    @property
    def names(self) -> list[str]:
        """The columns that it mentions, each once, as it writes them."""
        return list(dict.fromkeys(_names(self.root)))

    def bind(self, columns: Sequence[str], *, file: str) -> dict[str, str]:
        """Return the table's column for each name, exact or in other case. Raises TableError if there is
        none."""
        return {name: _column(name, columns, file) for name in self.names}

    def holds(self, column: Callable[[str], Column], rows: int) -> tuple[Bools, Bools]:
        """Return which rows it is true for, and for which it is unknown; `column` returns float64 or
        objects."""
        truth = _evaluate(self.root, column, rows)
        return truth.true & truth.known, ~truth.known


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0

    def whole(self) -> Node:
        if not self._tokens:
            raise ConfigError("off_when is empty. Write a condition such as speed < 100", field=FIELD)
        node = self._either(0)
        if self._place < len(self._tokens):
            raise self._error("an end, 'and' or 'or'")
        return node

    def _either(self, depth: int) -> Node:
        node = self._all(depth)
        while self._word("or"):
            node = Both("or", node, self._all(depth))
        return node

    def _all(self, depth: int) -> Node:
        node = self._negated(depth)
        while self._word("and"):
            node = Both("and", node, self._negated(depth))
        return node

    def _negated(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ConfigError(f"off_when is nested more than {MAX_DEPTH} deep", field=FIELD)
        if self._word("not"):
            return Not(self._negated(depth + 1))
        if self._sign("("):
            node = self._either(depth + 1)
            if not self._sign(")"):
                raise self._error("')'")
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._operand()
        if self._word("is"):
            negated = self._word("not")
            if not self._word("missing") or not isinstance(left, Name):
                raise self._error("'missing' after a column and 'is'")
            return Missing(left.name, negated)
        kind, sign = self._next()
        if kind != "sign" or sign not in COMPARISONS:
            self._place -= 1
            raise self._error("a comparison such as <")
        right = self._operand()
        if not isinstance(left, Name) and not isinstance(right, Name):
            raise ConfigError(
                f"off_when compares {left!r} with {right!r}, but one of them must be a column", field=FIELD
            )
        if sign not in ("=", "==", "!=", "<>") and (isinstance(left, str) or isinstance(right, str)):
            raise ConfigError("off_when can only compare text with = and !=", field=FIELD)
        return Comparison(left, sign, right)

    def _operand(self) -> Operand:
        kind, token = self._next()
        if kind == "name":
            return Name(token[1:-1])
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "word" and NUMBER.fullmatch(token):
            return float(token)
        if kind == "word" and token.lower() in ("true", "false"):
            return float(token.lower() == "true")
        if kind == "word" and token.lower() not in ("and", "or", "not", "is"):
            return Name(token)
        self._place -= 1
        raise self._error("a column, a number or a 'text'")

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            self._place += 1
            return "end", ""
        self._place += 1
        return self._tokens[self._place - 1][:2]

    def _word(self, wanted: str) -> bool:
        return self._take("word", wanted)

    def _sign(self, wanted: str) -> bool:
        return self._take("sign", wanted)

    def _take(self, kind: str, wanted: str) -> bool:
        if self._place < len(self._tokens):
            found, token, _ = self._tokens[self._place]
            if found == kind and token.lower() == wanted:
                self._place += 1
                return True
        return False

    def _error(self, expected: str) -> ConfigError:
        if self._place >= len(self._tokens):
            where = "at its end"
        else:
            _, token, at = self._tokens[self._place]
            where = f"at '{token}' (character {at + 1})"
        return ConfigError(
            f"off_when '{self._text}' cannot be understood {where}: expected {expected}. Write names with"
            " blanks in"
            ' double quotes, as in "Wind Speed" < 3',
            field=FIELD,
        )


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    place = 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None:
            at = len(text) - len(text[place:].lstrip())
            raise ConfigError(
                f"off_when '{text}' cannot be understood at character {at + 1} ('{text[at]}')", field=FIELD
            )
        kind = str(found.lastgroup)
        yield kind, found[kind], found.start(kind)
        place = found.end()


def _names(node: Node) -> Iterator[str]:
    match node:
        case Comparison(left, _, right):
            yield from (each.name for each in (left, right) if isinstance(each, Name))
        case Missing(name, _):
            yield name
        case Not(inner):
            yield from _names(inner)
        case Both(_, left, right):
            yield from _names(left)
            yield from _names(right)


def _column(name: str, columns: Sequence[str], file: str) -> str:
    if name in columns:
        return name
    same = [each for each in columns if each.casefold() == name.casefold()]
    if len(same) == 1:
        return same[0]
    near = difflib.get_close_matches(name, columns, n=1, cutoff=0.5) or [
        each for each in columns if each.casefold().startswith(name.casefold())
    ]
    offer = f'. Did you mean "{near[0]}"?' if near else ""
    raise TableError(
        f"off_when names '{name}', which is not among the {len(columns)} columns{offer}",
        file=file,
        column=name,
        code="unknown_column",
        params={"field": FIELD, "column": name},
    )


def _evaluate(node: Node, column: Callable[[str], Column], rows: int) -> Truth:
    match node:
        case Missing(name, negated):
            gone = _gone(column(name))
            return Truth(~gone if negated else gone, np.ones(rows, dtype=np.bool_))
        case Not(inner):
            truth = _evaluate(inner, column, rows)
            return Truth(~truth.true, truth.known)
        case Both(word, left, right):
            one, two = _evaluate(left, column, rows), _evaluate(right, column, rows)
            # A false side decides `and`, a true one `or`, whatever the other one is.
            deciding = word == "or"
            settled = (one.known & (one.true == deciding)) | (two.known & (two.true == deciding))
            true = (one.true | two.true) if deciding else (one.true & two.true)
            return Truth(np.where(settled, deciding, true), settled | (one.known & two.known))
        case Comparison():
            return _compared(node, column, rows)


def _compared(node: Comparison, column: Callable[[str], Column], rows: int) -> Truth:
    sides = [column(each.name) if isinstance(each, Name) else each for each in (node.left, node.right)]
    arrays = [each for each in sides if isinstance(each, np.ndarray)]
    known = ~np.any([_gone(each) for each in arrays], axis=0)
    textual = any(isinstance(each, str) for each in sides) or (
        len(arrays) == 2 and all(each.dtype == object for each in arrays) and not all(map(_numeric, arrays))
    )
    convert = _as_text if textual else _as_number
    left, right = (convert(each) if isinstance(each, np.ndarray) else each for each in sides)
    if not textual:
        known &= ~np.any([np.isnan(each) for each in (left, right) if isinstance(each, np.ndarray)], axis=0)
    with np.errstate(invalid="ignore"):
        return Truth(np.asarray(COMPARISONS[node.sign](left, right), dtype=np.bool_), known)


def _gone(values: Column) -> Bools:
    if values.dtype != object:
        return np.asarray(np.isnan(values))
    return np.fromiter((each is None or each == "" for each in values), dtype=np.bool_, count=len(values))


def _numeric(values: Column) -> bool:
    return all(each is None or isinstance(each, int | float) for each in values)


def _as_number(values: Column) -> Column:
    if values.dtype != object:
        return values
    numbers = (float(each) if isinstance(each, int | float) else np.nan for each in values)
    return np.fromiter(numbers, dtype=np.float64, count=len(values))


def _as_text(values: Column) -> Column:
    if values.dtype != object:
        return np.array([f"{each:g}" for each in values], dtype=object)
    return np.array([str(each).strip() for each in values], dtype=object)
