"""What an import refuses, with nothing changed."""

from uuid import uuid4

import asyncpg
import pytest

from dinsight.legacy_import.errors import ImportRefused
from dinsight.legacy_import.takeover import Takeover
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Connection
from tests.integration.cli.importing import change, everything, run
from tests.integration.cli.legacy import Legacy
from tests.support.installation import TestDatabase


@pytest.mark.parametrize(
    ("side", "statement", "table"),
    [
        ("legacy", "UPDATE dinsight_data SET x_values[1] = x_values[1] + 1e-9", "dinsight_data"),
        ("legacy", "UPDATE config_data SET alpha = 0.2 WHERE id = 2", "config_data"),
        ("legacy", "UPDATE feature_data SET metadata = '{}' WHERE metadata IS NULL", "feature_data"),
        (
            "target",
            "UPDATE analysis.monitor_data SET process_order = 9 WHERE process_order = 1",
            "monitor_data",
        ),
        ("target", "UPDATE analysis.file_uploads SET original_filename = 'x'", "file_uploads"),
    ],
)
async def test_a_tampered_copy_is_refused_and_left_as_it_is(
    legacy: Legacy, target: TestDatabase, admin: Connection, side: str, statement: str, table: str
) -> None:
    await run(legacy, target)
    await change(legacy.dsn if side == "legacy" else target.admin_dsn, statement)
    # Something new would be imported, were the rest in order.
    await change(legacy.dsn, "INSERT INTO config_data DEFAULT VALUES")
    before = await everything(admin)
    with pytest.raises(ImportRefused, match=f"\n  {table}: "):
        await run(legacy, target)
    assert await everything(admin) == before


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE file_uploads SET status = 'done'", "status 'done' is none of"),
        ("UPDATE monitor_data SET x_values = '{1}'", "differ in length"),
        ("ALTER TABLE config_data ADD COLUMN more integer", "more: expected no such column, found integer"),
        ("DROP TABLE monitor_data", "no table public.monitor_data"),
        ("ALTER TABLE feature_data ALTER metadata TYPE text", "metadata: expected jsonb, found text"),
    ],
)
async def test_data_that_cannot_be_imported_is_refused_without_a_change(
    legacy: Legacy, target: TestDatabase, admin: Connection, statement: str, reason: str
) -> None:
    before = await everything(admin)
    connection = await asyncpg.connect(legacy.dsn)
    await connection.execute(statement)
    await connection.close()
    with pytest.raises(ImportRefused, match=reason):
        await run(legacy, target)
    assert await everything(admin) == before


async def test_another_organizations_rows_are_not_mistaken_for_imported_ones(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    await admin.execute(
        "INSERT INTO analysis.file_uploads (id, organization_id, original_filename, file_size)"
        " VALUES ($1, $2, 'x', 1)",
        legacy.pump,
        uuid4(),
    )
    with pytest.raises(ImportRefused, match=r"file_uploads: 5 rows .* 4 rows"):
        await run(legacy, target)


async def test_machines_deleted_since_do_not_come_back(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    await run(legacy, target)
    await admin.execute("UPDATE analysis.machine_refs SET deleted = true WHERE name = 'Imported: pump.csv'")
    with pytest.raises(ImportRefused, match=r"have been deleted: Imported: pump\.csv"):
        await run(legacy, target)


async def test_a_database_that_does_not_answer_is_named_without_its_password(target: TestDatabase) -> None:
    takeover = Takeover(SystemClock(), time_ordered_id)
    with pytest.raises(ImportRefused) as refused:
        await takeover.run(
            "postgresql://u:sesame@127.0.0.1:9/none", target.admin_dsn, organization_name="Plant"
        )
    assert "sesame" not in str(refused.value)
