"""Samples in columns: models of parallel lists, which are read in ranges of samples."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel

# One range of samples is about 10 MB of JSON at most.
MAX_CELLS = 250_000


class Columns(BaseModel):
    """A model whose fields are lists with one entry per sample; its route takes `start` and `stop`.

    A field `features` names the columns of a field `values`, which has a row per sample.
    """

    index: list[int]


async def pieces(
    endpoint: Callable[..., Awaitable[Any]], arguments: dict[str, Any]
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """The header and the first sample as rows, then the other samples in ranges of bounded size.

    `endpoint` returns the JSON of `Columns` for the samples from `start` to `stop`.
    """
    start, end = arguments["start"], arguments["stop"]
    size = 1
    while True:
        stop = start + size if end is None else min(start + size, end)
        answer = await endpoint(**{**arguments, "start": start, "stop": stop})
        part = orjson.loads(answer.body)
        rows = list(_rows(part))
        names = list(_names(part))
        yield [names, *rows] if start == arguments["start"] else rows
        if len(rows) < size or stop == end:
            return
        start, size = stop, max(1, MAX_CELLS // len(names))


def _names(part: Mapping[str, Any]) -> Sequence[str]:
    if "values" not in part:
        return list(part)
    # Features have the names of the file's columns: they stand last, where none can hide another column.
    return [*(name for name in part if name not in ("features", "values")), *part["features"]]


def _rows(part: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    alone = [column for name, column in part.items() if name not in ("features", "values")]
    values = part.get("values", [()] * len(part["index"]))
    return [[*cells, *own] for *cells, own in zip(*alone, values, strict=True)]
