"""What a year of one machine costs on disk, as stored, compressed and archived: `python -m bench.disk`.

A platform of its own takes a baseline and a file for each day through the gateway: 1,024 features every ten
minutes, six decimals. Sizes are of live data: tables are rewritten (VACUUM FULL) before they are measured.
Put a PostgreSQL with TimescaleDB first in PATH to measure that engine.
"""

import argparse
import asyncio
import io
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.data import DATA, TENNESSEE, TURBOFAN, read, spectra
from dinsight.maintenance.compression import compress
from services.analysis.archives.domain import PREFIX as ARCHIVES
from services.analysis.database.packing import pack_floats, unpack_floats
from shared.postgres.connection import Connection
from tests.e2e.plant import Plant, eventually
from tests.stack import Stack

DAYS, SAMPLES_A_DAY, BASELINE_SAMPLES = 365, 144, 2_000
DECIMALS = 6
# One sample in a hundred is a fault, so that anomalies are there to be weighed.
FAULT_EVERY, FAULT = 100, slice(400, 404)
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
PACKED = "monitor_packed"
TABLES = (
    "feature_data",
    "monitor_data",
    PACKED,
    "anomalies",
    "dinsight_data",
    "analyses",
    "file_uploads",
)
PLAIN = """
SELECT sum(pg_table_size(place))::bigint AS data, sum(pg_indexes_size(place))::bigint AS indexes
FROM (SELECT $1::text::regclass AS place
      UNION SELECT relid FROM pg_partition_tree($1::text::regclass)) AS places
"""
HYPERTABLE = """
SELECT sum(table_bytes + coalesce(toast_bytes, 0))::bigint AS data, sum(index_bytes)::bigint AS indexes
FROM hypertable_detailed_size($1::text::regclass)
"""
IS_HYPERTABLE = """
SELECT count(*) > 0 FROM timescaledb_information.hypertables
WHERE hypertable_schema || '.' || hypertable_name = $1
"""
ENGINE = """
SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)
       || coalesce((SELECT ' with TimescaleDB ' || extversion FROM pg_extension
                    WHERE extname = 'timescaledb'), '')
"""

Floats = NDArray[np.float64]
Sizes = Mapping[str, tuple[int, int]]


def table_of(samples: Floats, first: datetime) -> bytes:
    """A CSV file with a time every ten minutes, a participant, and the features."""
    times = [(first + timedelta(minutes=10 * number)).isoformat() for number in range(len(samples))]
    columns = {"timestamp": times, "participant": ["run"] * len(samples)}
    features = {f"f_{number}": column for number, column in enumerate(samples.round(DECIMALS).T)}
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns | features), buffer)
    return buffer.getvalue()


def year(plant: Plant, days: int) -> tuple[int, list[str]]:
    """Send a baseline and a run for each day; return the bytes of all files, and the ids of the runs."""
    machine = plant.machine()
    baseline = table_of(spectra(BASELINE_SAMPLES), FIRST_DAY - timedelta(days=14))
    plant.completed(plant.upload(machine, "baseline", ("normal.csv", baseline)))
    sent, analyses = len(baseline), list[str]()
    for day in range(days):
        samples = spectra(SAMPLES_A_DAY, seed=day + 2)
        number = np.arange(day * SAMPLES_A_DAY, (day + 1) * SAMPLES_A_DAY)
        samples[number % FAULT_EVERY == 0, FAULT] += 1.0
        content = table_of(samples, FIRST_DAY + timedelta(days=day))
        analyses.append(plant.upload(machine, "monitoring", (f"day-{day}.csv", content)))
        sent += len(content)
        if len(analyses) > 1:
            plant.completed(analyses[-2])
    plant.completed(analyses[-1])
    return sent, analyses


def is_archived(plant: Plant, id_: str) -> bool:
    return bool(plant.get(f"/analyses/{id_}")["status"] == "archived")


def archive(plant: Plant, analyses: Sequence[str]) -> float:
    """Archive the runs; return the seconds."""
    began = time.perf_counter()
    for id_ in analyses:
        plant.post(f"/analyses/{id_}/archive", {})
    for id_ in analyses:
        eventually(partial(is_archived, plant, id_), seconds=600, what=f"the archive of {id_}")
    return time.perf_counter() - began


async def left(dsn: str) -> int:
    """Bytes of all tables and indexes."""
    admin = await asyncpg.connect(dsn)
    try:
        found = await sizes(admin)
        return sum(_sum(found, list(found)))
    finally:
        await admin.close()


async def sizes(admin: Connection) -> Sizes:
    """Bytes of data and of indexes, by table."""
    found = {}
    timescale = await admin.fetchval("SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL")
    for table in (f"analysis.{name}" for name in TABLES):
        await admin.execute(f"VACUUM (FULL, ANALYZE) {table}")
        hypertable = timescale and await admin.fetchval(IS_HYPERTABLE, table)
        row = await admin.fetchrow(HYPERTABLE if hypertable else PLAIN, table)
        assert row is not None
        found[table.removeprefix("analysis.")] = (row["data"] or 0, row["indexes"] or 0)
    return found


async def measured(dsn: str) -> tuple[str, Sizes, Sizes, Mapping[str, tuple[int, int]], float]:
    """The engine, sizes before and after, bytes of the compressed columns by table, and seconds."""
    admin = await asyncpg.connect(dsn)
    try:
        before = await sizes(admin)
        began, columns = time.perf_counter(), dict[str, tuple[int, int]]()
        async for batch in compress(admin, datetime.now(UTC) + timedelta(days=400)):
            had = columns.get(batch.table, (0, 0))
            columns[batch.table] = (had[0] + batch.before, had[1] + batch.after)
        seconds = time.perf_counter() - began
        return str(await admin.fetchval(ENGINE)), before, await sizes(admin), columns, seconds
    finally:
        await admin.close()


def objects(folder: Path) -> Mapping[str, int]:
    """Bytes in the object store by the first part of the keys."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            prefix = path.relative_to(folder).parts[0]
            found[prefix] = found.get(prefix, 0) + path.stat().st_size
    return found


def _sum(sizes: Sizes, tables: Sequence[str]) -> tuple[int, int]:
    data, indexes = zip(*(sizes[table] for table in tables), strict=True)
    return sum(data), sum(indexes)


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def print_features(console: Console) -> None:
    """What packing features brings, by where they come from."""
    table = Table(title="Features as packed, MB")
    for heading in ("features", "samples", "as doubles", "packed", "ratio"):
        table.add_column(heading, justify="right" if table.columns else "left")
    made = spectra(512)
    kinds = {"made spectra, 6 decimals": made.round(6), "made spectra, 4 decimals": made.round(4)}
    kinds |= {"made spectra, single precision": made.astype(np.float32).astype(np.float64)}
    kinds |= {"made spectra, all digits of doubles": made}
    if DATA.is_dir():
        kinds["Tennessee Eastman, normal"] = read(DATA, "tep-normal.csv", TENNESSEE)[0].features
        kinds["turbofan engines"] = read(DATA, "turbofan-units-001-050.csv", TURBOFAN)[0].features
    for name, values in kinds.items():
        chunks = [values[first : first + 512] for first in range(0, len(values), 512)]
        packed = [pack_floats(chunk) for chunk in chunks]
        assert all(unpack_floats(p).tobytes() == c.tobytes() for p, c in zip(packed, chunks, strict=True))
        size = sum(map(len, packed))
        cells = (megabytes(values.nbytes), megabytes(size), f"{values.nbytes / size:.1f}")
        table.add_row(name, f"{len(values):,}", *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    days = parser.parse_args().days
    console = Console()
    with Stack() as stack, Plant.joined(stack.gateway_url) as plant:
        sent, analyses = year(plant, days)
        folder = Path(stack.env["DINSIGHT_STORAGE_URL"].removeprefix("file://"))
        store = objects(folder)
        engine, before, after, columns, seconds = asyncio.run(measured(stack.admin_dsn))
        archived_in, rest = archive(plant, analyses), asyncio.run(left(stack.admin_dsn))
        archived = objects(folder)[ARCHIVES]
    table = Table(title=f"{days} days of one machine, {days * SAMPLES_A_DAY:,} x 1,024, MB, {engine}")
    for heading in ("what", "before", "indexes", "after", "indexes", "ratio"):
        table.add_column(heading, justify="right" if table.columns else "left")
    table.add_row("files sent (CSV)", megabytes(sent), "", "", "", "")
    for prefix, size in sorted(store.items()):
        table.add_row(f"object store: {prefix}", megabytes(size), "", megabytes(size), "", "")
    for name in (name for name in before if name != PACKED):
        # What moved from one table to the other is one thing.
        both = (name, PACKED) if name == "monitor_data" else (name,)
        (data, indexes), then = (_sum(sizes, both) for sizes in (before, after))
        ratio = (data + indexes) / max(1, sum(then))
        cells = [megabytes(size) for size in (data, indexes, *then)]
        table.add_row(" + ".join(both), *cells, f"{ratio:.2f}" if name in columns else "")
    console.print(table)
    for name, (raw, packed) in columns.items():
        console.print(
            f"{name}: {megabytes(raw)} MB of columns became {megabytes(packed)} MB, {raw / packed:.2f} : 1"
        )
    console.print(f"Compressed in {seconds:.1f} s.")
    console.print(
        f"Archived {len(analyses)} runs in {archived_in:.1f} s: {megabytes(archived)} MB of Parquet; the"
        f" database has {megabytes(rest)} MB instead of {megabytes(sum(_sum(after, list(after))))} MB."
    )
    print_features(console)


if __name__ == "__main__":
    main()
