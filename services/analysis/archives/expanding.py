"""Expands compressed rows on their way into an archive, which anybody can read then.

Old results and features are compressed in the database in a form of our own. In archives, Parquet compresses
them, and restored rows are as they were before; the next maintenance compresses them again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.analysis.archives.domain import Exported
from services.analysis.database.archives import FEATURES, PACKED_POINTS
from services.analysis.database.arrays import encode_booleans, encode_floats
from services.analysis.database.packing import unpack_floats, unpack_points
from shared.postgres.copies import JSONB_VERSION, Column, Row, read_rows, write_rows

PACKED = "packed"
# Columns that packed points share with monitoring results, and those that they are packed into.
SHARED = (
    Column("id", "uuid"),
    Column("organization_id", "uuid"),
    Column("dinsight_id", "uuid"),
    Column("analysis_id", "uuid"),
    Column("process_order", "integer"),
    Column("first_sample", "integer"),
    Column("samples", "integer"),
    Column("created_at", "timestamp with time zone"),
)
POINTS = (
    Column("x_values", "double precision[]"),
    Column("y_values", "double precision[]"),
    Column("monitor_values", "double precision[]"),
    Column("misfit_values", "double precision[]"),
    Column("anomaly_values", "boolean[]"),
    Column("metadata", "jsonb"),
)


def expanded(exported: Exported) -> Exported:
    """The same rows without packed values, in a new file instead of the old one. Takes long: for threads."""
    if exported.table == FEATURES:
        return _rewritten(exported, exported.columns, _features(exported.columns))
    if exported.table == PACKED_POINTS:
        return _rewritten(exported, (*SHARED, *POINTS), _points(exported.columns))
    return exported


def _rewritten(
    exported: Exported, columns: Sequence[Column], change: Callable[[Iterator[Row]], Iterator[Row]]
) -> Exported:
    path = exported.path.with_suffix(".expanded")
    with exported.path.open("rb") as source, path.open("wb") as target:
        write_rows(target, len(columns), change(read_rows(source, len(exported.columns))))
    exported.path.unlink()
    return replace(exported, columns=columns, path=path)


def _features(columns: Sequence[Column]) -> Callable[[Iterator[Row]], Iterator[Row]]:
    names = [column.name for column in columns]
    values, packed = names.index("feature_values"), names.index(PACKED)

    def change(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            content = row[packed]
            if content is not None:
                row[values], row[packed] = encode_floats(unpack_floats(content)), None
            yield row

    return change


def _points(columns: Sequence[Column]) -> Callable[[Iterator[Row]], Iterator[Row]]:
    names = [column.name for column in columns]
    kept, packed = [names.index(column.name) for column in SHARED], names.index(PACKED)

    def change(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            content = row[packed]
            assert content is not None
            points = unpack_points(content, 0)
            metadata = None if points.metadata is None else JSONB_VERSION + points.metadata.encode()
            yield [
                *(row[place] for place in kept),
                encode_floats(points.x),
                encode_floats(points.y),
                _floats(points.distance),
                _floats(points.misfit),
                None if points.anomaly is None else encode_booleans(points.anomaly),
                metadata,
            ]

    return change


def _floats(values: NDArray[np.float64] | None) -> bytes | None:
    return None if values is None else encode_floats(values)
