"""Rows as CSV: RFC 4180, UTF-8, and nothing that a spreadsheet would run.

The columns follow from the model of a row alone, never from the data: every file of a list has the same ones,
in the order of the fields. A field that is a model has a column for each field of its own, under a dotted
name (`error.message`). A list, a free-form object and a choice of models is one cell with its JSON.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, RootModel

# OWASP, CSV injection: spreadsheets take a text that begins with one of these for a formula. The last four
# are the wide forms of the first four.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Shown as text, and not part of it, in every common spreadsheet.
TEXT_MARK = "'"
# A model that holds itself would have columns without end.
MAX_DEPTH = 5
# Where the list separator is a semicolon or a tab, a cell begins behind each of them.
INSIDE = re.compile(r"(?<=[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    path: tuple[str, ...]

    def of(self, row: Mapping[str, Any]) -> Any:
        """The value in a row; None where an object on the way is null."""
        value: Any = row
        for name in self.path:
            if value is None:
                return None
            value = value[name]
        return value


def columns_of(model: type[BaseModel]) -> Sequence[Column]:
    """The columns of a list of `model`."""
    return [Column(".".join(path), path) for path in _paths(model, ())]


def rows_text(rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as lines of CSV. Values are JSON's: None, bool, numbers, text, lists and mappings."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def cell(value: Any) -> str:
    """A value as the text of its cell; null is an empty one."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ""
        case int() | float():
            return repr(value)
        case str():
            return harmless(value)
        case _:
            # Still the same JSON, and no separator in any locale.
            return orjson.dumps(value).decode().replace(";", "\\u003b")


def harmless(text: str) -> str:
    """The text, marked as such where a spreadsheet would take it for a formula. A number is none."""
    # Some spreadsheets look behind white space.
    begins = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    if begins and not NUMBER.fullmatch(text.strip(" ")):
        text = TEXT_MARK + text
    return INSIDE.sub(TEXT_MARK, text)


def _paths(model: type[BaseModel], inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        path = (*inside, field.serialization_alias or name)
        nested = _model(field.annotation)
        if nested is None or len(path) >= MAX_DEPTH:
            yield path
        else:
            yield from _paths(nested, path)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model behind an annotation, which may admit null; None for everything else."""
    if get_origin(annotation) in (Union, UnionType):
        alternatives = [one for one in get_args(annotation) if one is not NoneType]
        return _model(alternatives[0]) if len(alternatives) == 1 else None
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model and not issubclass(annotation, RootModel) else None
