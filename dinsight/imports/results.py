"""Results of the other service: documents of JSON, and the spans between successive anomalous samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dinsight.imports.dataset import Span
from dinsight.imports.errors import ImportRefused


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file (one, a list, or one per line) or of the files in a folder."""
    if path.is_dir():
        for child in sorted([*path.rglob("*.json"), *path.rglob("*.jsonl")]):
            yield from documents(child)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except ValueError:
        found = [
            _line(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        ]
    for document in found if isinstance(found, list) else [found]:
        if isinstance(document, dict):
            yield document


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ImportRefused(f"{path}, line {number}: this is not JSON: {error}") from error


def flagged(moments: Iterable[tuple[datetime, bool]]) -> list[Span]:
    """Return the spans of successive anomalous samples; each sample lasts as long as the usual step."""
    ordered = sorted(dict(moments).items())
    if not ordered:
        return []
    steps = np.diff([moment.timestamp() for moment, _ in ordered])
    step = timedelta(seconds=float(np.median(steps)) if len(steps) else 1.0)
    spans: list[Span] = []
    for moment, anomalous in ordered:
        if not anomalous:
            continue
        if spans and moment <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, moment + step)
        else:
            spans.append(Span(moment, moment + step))
    return spans
