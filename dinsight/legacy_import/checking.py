"""Counts and checksums of legacy rows, on both sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dinsight.legacy_import.errors import ImportRefused
from dinsight.legacy_import.tables import TABLES, LegacyTable
from shared.postgres.connection import Connection

# A row as text depends on these; both sides say the same.
PLAIN_TEXT = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL extra_float_digits = 1",
)
# What stands elsewhere, or under another number, in the installation.
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "config_data": {"id": "(SELECT legacy_id FROM legacy_configs WHERE target_id = t.id)"},
    "dinsight_data": {"config_id": "(SELECT legacy_id FROM legacy_configs WHERE target_id = t.config_id)"},
    "file_uploads": {
        "file_path": "(SELECT a.results->'imported'->>'file_path' FROM analysis.analyses a"
        " WHERE a.file_upload_id = t.id AND a.results ? 'imported' LIMIT 1)::varchar(500)"
    },
}


@dataclass(frozen=True, slots=True)
class Content:
    """How many rows, and the MD5 over the MD5 of each in the order of their ids."""

    rows: int
    checksum: str


async def contents_of_source(source: Connection) -> Mapping[str, Content]:
    return {table.name: await _content(source, table.reading()) for table in TABLES}


async def contents_of_target(target: Connection, organization_id: UUID) -> Mapping[str, Content]:
    """The same rows as the installation has them now, in the organization."""
    return {table.name: await _content(target, _imported(table), organization_id) for table in TABLES}


def must_be_equal(source: Mapping[str, Content], target: Mapping[str, Content]) -> None:
    """Raise ImportRefused with every table whose rows differ."""
    differing = [
        f"{name}: {source[name].rows} rows with checksum {source[name].checksum} to import,"
        f" {target[name].rows} rows with checksum {target[name].checksum} in the installation"
        for name in source
        if source[name] != target[name]
    ]
    if differing:
        raise ImportRefused(
            "Imported rows differ from those of the legacy database:\n  "
            + "\n  ".join(differing)
            + "\nRows were changed on one side after an earlier import, or an id is used by another"
            " organization. Nothing was changed now."
        )


def _imported(table: LegacyTable) -> str:
    elsewhere = ELSEWHERE.get(table.name, {})
    columns = [
        f'{elsewhere[name]} AS "{name}"' if name in elsewhere else f't."{name}"' for name in table.columns
    ]
    id_, staged = ("target_id", "legacy_configs") if table.name == "config_data" else ("id", table.staged)
    # The names are this package's own.
    imported = f"SELECT {id_} FROM {staged}"  # noqa: S608
    chosen = f"SELECT {', '.join(columns)} FROM analysis.{table.name} AS t"  # noqa: S608
    return f"{chosen} WHERE t.organization_id = $1 AND t.id IN ({imported})"


async def _content(connection: Connection, query: str, *arguments: Any) -> Content:
    for setting in PLAIN_TEXT:
        await connection.execute(setting)
    row = await connection.fetchrow(
        "SELECT count(*) AS rows, md5(coalesce(string_agg(md5(c::text), '' ORDER BY c.id), '')) AS checksum"  # noqa: S608
        f" FROM ({query}) AS c",
        *arguments,
        timeout=None,
    )
    assert row is not None
    return Content(row["rows"], row["checksum"])
