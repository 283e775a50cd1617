"""What a column is proposed to be: a feature, or metadata and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tables.columns import COUNTER, LABEL
from ..times.formats import numbers, texts

MAX_LABEL_VALUES, MAX_COUNTED_ROWS = 20, 200
MIN_COUNTER_ROWS = 10


@dataclass(frozen=True, slots=True)
class Role:
    """`feature` or `metadata`; `code` and `why` say why it is no feature."""

    role: str
    code: str | None = None
    why: str | None = None

    @property
    def remark(self) -> dict[str, Any] | None:
        """Why it is no feature, with a stable code; None for a feature."""
        return None if self.code is None else {"code": self.code, "params": {}, "text": self.why}


FEATURE = Role("feature")


def role_of(name: str, kind: str, cells: Sequence[str | None]) -> Role:
    """Return the role of a column that holds no times, from its name, its kind and its first cells."""
    if kind == "text":
        return Role("metadata", "column_text", "it holds text")
    if kind == "time":
        return Role("metadata", "column_time", "it holds times")
    if kind == "empty":
        return Role("metadata", "column_empty", "it has no values")
    present = [cell for cell in cells if cell]
    if LABEL.fullmatch(name) and len(set(present)) <= MAX_LABEL_VALUES:
        return Role("metadata", "column_label", "it looks like a label")
    if kind != "number":
        return FEATURE
    values = numbers(texts(present[:MAX_COUNTED_ROWS]))
    values = values[np.isfinite(values)]
    whole = len(values) > 0 and bool(np.all(values == np.round(values)))
    steps = np.diff(values)
    if len(values) >= MIN_COUNTER_ROWS and steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-9, atol=0):
        return Role("metadata", "column_counter", "it counts the rows")
    if whole and COUNTER.fullmatch(name):
        return Role("metadata", "column_identifier", "it numbers rows or machines")
    return FEATURE


def unit_of(name: str, stated: str) -> str | None:
    """Return a column's unit, from the row of units or in brackets at the end of its name."""
    if stated.strip():
        return stated.strip().strip("[]()")
    found = re.search(r"[\[(]\s*([^\[\]()]{1,15})\s*[\])]\s*$", name)
    return found[1] if found else None
