"""A legacy installation: the first five tables of the specification, filled with generated data."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import numpy as np

from shared.postgres.connection import Connection

SPECIFICATION = Path("tests/integration/schema/specification.sql")
BEGAN = datetime(2025, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Legacy:
    """`pump` and `fan` have maps; `fan_run` is named by the fan's monitoring rows; two have no result."""

    dsn: str
    pump: UUID
    fan: UUID
    fan_run: UUID
    broken: UUID
    waiting: UUID
    pump_maps: tuple[UUID, UUID]
    fan_map: UUID


def current_schema() -> str:
    """The specification's "current schema", in its own statements."""
    return SPECIFICATION.read_text(encoding="utf-8").partition("CREATE TABLE users")[0]


async def fill(dsn: str, seed: int = 7) -> Legacy:
    rng = np.random.default_rng(seed)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
        await connection.execute(current_schema())
        pump, fan, fan_run, broken, waiting = (uuid4() for _ in range(5))
        legacy = Legacy(dsn, pump, fan, fan_run, broken, waiting, (uuid4(), uuid4()), uuid4())
        await _configs(connection)
        await _uploads(connection, legacy)
        await _maps(connection, legacy, rng)
        await _features(connection, legacy, rng)
        await _monitoring(connection, legacy, rng)
    finally:
        await connection.close()
    return legacy


async def _configs(connection: Connection) -> None:
    await connection.execute("INSERT INTO config_data DEFAULT VALUES")
    await connection.execute(
        "INSERT INTO config_data (gamma0, start_dim, end_dim, created_at)"
        " VALUES (1.25e-9, 'bin_1', 'bin_6', $1)",
        BEGAN,
    )
    # A configuration in between was deleted.
    await connection.execute("SELECT nextval('config_data_id_seq')")
    await connection.execute("INSERT INTO config_data (optimizer, alpha) VALUES ('sgd', 0.30000000000000004)")


async def _uploads(connection: Connection, legacy: Legacy) -> None:
    rows: list[tuple[Any, ...]] = [
        (legacy.pump, "pump.csv", 1024, "/data/pump.csv", "completed", None, ["a.csv", "b.csv"]),
        (
            legacy.fan,
            "fan ü.csv",
            9_000_000_000,
            "fan.csv",
            "completed",
            None,
            [{"name": "c.csv", "size": 7.0}],
        ),
        (legacy.fan_run, "fan-2.csv", 10, None, "completed", None, {"filename": "d.csv", "rows": 3}),
        (legacy.broken, "broken.csv", 5, "", "failed", "row 3: 'x' is not a number", None),
        (legacy.waiting, "waiting.csv", 5, "../up", "pending", None, []),
    ]
    for number, (*fields, merged) in enumerate(rows):
        at = BEGAN + timedelta(hours=number)
        await connection.execute(
            "INSERT INTO file_uploads (id, original_filename, file_size, file_path, status, error_message,"
            " merged_files, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *fields,
            None if merged is None else json.dumps(merged),
            at,
            at + timedelta(minutes=1),
        )


async def _maps(connection: Connection, legacy: Legacy, rng: np.random.Generator) -> None:
    for number, (map_id, upload, config, samples) in enumerate(
        [
            (legacy.pump_maps[0], legacy.pump, 1, 40),
            (legacy.pump_maps[1], legacy.pump, 4, 40),
            (legacy.fan_map, legacy.fan, 2, 5),
        ]
    ):
        x, y = rng.normal(size=(2, samples)).tolist()
        await connection.execute(
            "INSERT INTO dinsight_data VALUES ($1, $2, $3, $4, $5, $6)",
            *(map_id, upload, config, x, y, BEGAN + timedelta(hours=12 + number)),
        )


async def _features(connection: Connection, legacy: Legacy, rng: np.random.Generator) -> None:
    insert = (
        "INSERT INTO feature_data (file_upload_id, feature_values, metadata, created_at)"
        " VALUES ($1, $2, $3, $4)"
    )
    # Chunks of 16, 16 and 8 samples with metadata for each sample, written in one transaction.
    for first in range(0, 40, 16):
        samples = min(16, 40 - first)
        values = rng.normal(size=(samples, 8)).tolist()
        metadata = [{"participant": f"run {first + number}"} for number in range(samples)]
        await connection.execute(insert, legacy.pump, values, json.dumps(metadata), BEGAN)
    # One row per sample, and metadata that is an object, nothing, or JSON's null.
    notes: list[Any] = [{"participant": 1}, None, {"load": 0.5}, "text", []]
    for number, note in enumerate(notes):
        text = None if note is None else json.dumps(note)
        values = [number + 0.5, float("nan"), float("inf"), *rng.normal(size=3).tolist()]
        await connection.execute(insert, legacy.fan, values, text, BEGAN + timedelta(seconds=number))
    await connection.execute(insert, legacy.fan_run, [[1e-300] * 6, [5e300] * 6], "null", None)


async def _monitoring(connection: Connection, legacy: Legacy, rng: np.random.Generator) -> None:
    insert = (
        "INSERT INTO monitor_data (dinsight_id, monitor_values, x_values, y_values, metadata, process_order,"
        " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    # Two runs on the pump's first map, each beginning with 0; the second comes a day later.
    for run, lengths in enumerate([(10, 10, 3), (4,)]):
        for order, samples in enumerate(lengths):
            values = np.abs(rng.normal(size=(3, samples))).tolist()
            each = [{"s": number} for number in range(samples)]
            note: Any = {"participant": "whole chunk"} if run else each
            at = BEGAN + timedelta(days=1 + run, seconds=order)
            await connection.execute(insert, legacy.pump_maps[0], *values, json.dumps(note), order, at)
    # The fan's rows say which upload they came from; their order starts at 1.
    named = json.dumps({"file_upload_id": str(legacy.fan_run)})
    await connection.execute(insert, legacy.fan_map, [0.5, 2.5], [0.0, 1.0], [1.0, 0.0], named, 1, None)
