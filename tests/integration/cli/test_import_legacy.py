"""Taking over a legacy installation: everything, once, unchanged, in one transaction."""

import asyncio
import json
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
from typer.testing import CliRunner

from dinsight.cli import build
from dinsight.installation import DATABASE_URL, Installation
from dinsight.legacy_import.errors import ImportRefused
from dinsight.legacy_import.takeover import IMPORT_USER
from shared.postgres.connection import Connection
from tests.integration.cli.importing import change, everything, run
from tests.integration.cli.legacy import Legacy
from tests.support.installation import TestDatabase


async def test_all_rows_arrive_under_their_ids_with_equal_checksums(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    imported = await run(legacy, target)
    assert imported.source == imported.target
    rows = {name: content.rows for name, content in imported.source.items()}
    assert rows == {
        "file_uploads": 5,
        "config_data": 3,
        "dinsight_data": 3,
        "feature_data": 9,
        "monitor_data": 5,
    }
    assert {name: imported.added[name] for name in rows} == rows
    assert [row[0] for row in await admin.fetch("SELECT id FROM analysis.config_data ORDER BY id")] == [
        1,
        2,
        4,
    ]
    source = await asyncpg.connect(legacy.dsn)
    try:
        for table, columns in (
            ("dinsight_data", "id, x_values, y_values"),
            ("monitor_data", "id, monitor_values"),
        ):
            query = f"SELECT {columns} FROM {{}}.{table} ORDER BY id"
            kept = await admin.fetch(query.format("analysis"))
            assert [tuple(row) for row in kept] == [
                tuple(row) for row in await source.fetch(query.format("public"))
            ]
    finally:
        await source.close()


async def test_uploads_are_linked_to_machines_through_analyses(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    imported = await run(legacy, target)
    names = {row["id"]: row["name"] for row in await admin.fetch("SELECT id, name FROM machines.machines")}
    assert sorted(names.values()) == [
        "Imported: fan ü.csv",
        "Imported: pump.csv",
        "Imported: uploads without a map",
    ]
    assert set(names) == {row[0] for row in await admin.fetch("SELECT id FROM analysis.machine_refs")}
    analyses = await admin.fetch(
        "SELECT a.*, b.dinsight_id AS compared_with FROM analysis.analyses a"
        " LEFT JOIN analysis.analyses b ON b.id = a.baseline_id ORDER BY a.created_at, a.completed_at"
    )
    told = [
        (a["file_upload_id"], a["analysis_type"], a["status"], a["dinsight_id"], names[a["machine_id"]])
        for a in analyses
    ]
    pump, fan, rest = "Imported: pump.csv", "Imported: fan ü.csv", "Imported: uploads without a map"
    first, second = legacy.pump_maps
    assert told == [
        (legacy.pump, "baseline", "completed", first, pump),
        (legacy.pump, "baseline", "completed", second, pump),
        (legacy.pump, "monitoring", "completed", first, pump),
        (legacy.pump, "monitoring", "completed", first, pump),
        (legacy.fan, "baseline", "completed", legacy.fan_map, fan),
        (legacy.fan_run, "monitoring", "completed", legacy.fan_map, fan),
        (legacy.broken, "monitoring", "failed", None, rest),
        (legacy.waiting, "monitoring", "failed", None, rest),
    ]
    assert {a["created_by"] for a in analyses} == {IMPORT_USER}
    assert {a["organization_id"] for a in analyses} == {imported.organization_id}
    runs = [a for a in analyses if a["analysis_type"] == "monitoring" and a["dinsight_id"]]
    assert [(a["results"]["samples"], a["compared_with"]) for a in runs] == [
        (23, first),
        (4, first),
        (2, legacy.fan_map),
    ]
    assert runs[2]["results"]["max_distance"] == 2.5
    assert analyses[6]["error"]["message"] == "row 3: 'x' is not a number"
    assert analyses[0]["results"]["imported"]["file_path"] == "/data/pump.csv"


async def test_chunks_can_be_read_as_the_platform_reads_its_own(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    await run(legacy, target)
    query = "SELECT * FROM analysis.feature_data WHERE file_upload_id = $1 ORDER BY chunk_index"
    chunks = await admin.fetch(query, legacy.pump)
    assert [(c["first_sample"], c["samples"]) for c in chunks] == [(0, 16), (16, 16), (32, 8)]
    assert [m["participant"] for c in chunks for m in c["metadata"]] == [f"run {n}" for n in range(40)]
    single = await admin.fetch(query, legacy.fan)
    assert [(c["first_sample"], c["samples"]) for c in single] == [(n, 1) for n in range(5)]
    assert [c["feature_values"][0][0] for c in single] == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert [c["metadata"] for c in single] == [
        [{"participant": 1}],
        None,
        [{"load": 0.5}],
        [{"value": "text"}],
        [{"value": []}],
    ]
    runs = await admin.fetch(
        "SELECT first_sample, samples, jsonb_array_length(metadata) AS noted FROM analysis.monitor_data"
        " WHERE dinsight_id = $1 ORDER BY created_at",
        legacy.pump_maps[0],
    )
    assert [tuple(row) for row in runs] == [(0, 10, 10), (10, 10, 10), (20, 3, 3), (0, 4, 4)]
    uploads = await admin.fetch("SELECT * FROM analysis.file_uploads ORDER BY created_at")
    assert [u["samples"] for u in uploads] == [40, 5, 2, None, None]
    # The pump's first configuration speaks of 1,024 features, the fan's of the 6 there are.
    assert [u["features"] and u["features"][0] for u in uploads] == ["f_0", "bin_1", "f_0", None, None]
    assert [u["merged_files"] for u in uploads] == [
        [{"filename": "a.csv", "size": 0}, {"filename": "b.csv", "size": 0}],
        [{"name": "c.csv", "filename": "c.csv", "size": 7}],
        [{"rows": 3, "filename": "d.csv", "size": 0}],
        None,
        [],
    ]
    # A deleted machine deletes what lies in the store under this: never a path of the old installation.
    assert {u["file_path"] for u in uploads} == {f"imported/{u['id']}" for u in uploads}


async def test_a_second_run_changes_nothing(legacy: Legacy, target: TestDatabase, admin: Connection) -> None:
    first = await run(legacy, target)
    before = await everything(admin)
    assert len(before) > 15
    again = await run(legacy, target)
    assert not again.changed
    assert again.organization_id == first.organization_id
    assert again.target == first.target
    assert await everything(admin) == before


async def test_rows_added_since_are_added(legacy: Legacy, target: TestDatabase) -> None:
    await run(legacy, target)
    await change(legacy.dsn, "INSERT INTO config_data DEFAULT VALUES")
    await change(
        legacy.dsn,
        "INSERT INTO monitor_data"
        " (dinsight_id, monitor_values, x_values, y_values, process_order, created_at)"
        " VALUES ($1, '{1}', '{1}', '{1}', 2, '2025-06-01')",
        legacy.fan_map,
    )
    again = await run(legacy, target)
    assert {name: count for name, count in again.added.items() if count} == {
        "config_data": 1,
        "monitor_data": 1,
        "analyses": 1,
    }


async def test_numbers_of_configurations_that_are_taken_are_not_taken_away(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    other = uuid4()
    for version in (1, 2):
        await admin.execute(
            "INSERT INTO analysis.config_data (organization_id, version) VALUES ($1, $2)", other, version
        )
    assert (await run(legacy, target)).changed
    assert not (await run(legacy, target)).changed
    configs = await admin.fetch(
        "SELECT c.id, c.gamma0 FROM analysis.config_data c WHERE organization_id <> $1 ORDER BY version",
        other,
    )
    assert [row["id"] for row in configs][2] == 4
    assert not {row["id"] for row in configs} & {1, 2}
    fan = await admin.fetchval(
        "SELECT c.gamma0 FROM analysis.dinsight_data d JOIN analysis.config_data c ON c.id = d.config_id"
        " WHERE d.id = $1",
        legacy.fan_map,
    )
    assert fan == 1.25e-9
    # The next configuration of anyone finds a free number.
    await admin.execute("INSERT INTO analysis.config_data (organization_id) VALUES ($1)", uuid4())


async def test_the_other_services_are_notified_and_the_owner_can_sign_in(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    with pytest.raises(ImportRefused, match=r"No account has the address ada@example\.org"):
        await run(legacy, target, owner="ada@example.org")
    user: UUID = await admin.fetchval(
        "INSERT INTO auth.users (email, password_hash, full_name)"
        " VALUES ('ada@example.org', '!', 'Ada') RETURNING id"
    )
    imported = await run(legacy, target, owner="Ada@example.org")
    role = await admin.fetchval("SELECT role FROM auth.user_organizations WHERE user_id = $1", user)
    assert role == "owner"
    auth = await admin.fetch("SELECT topic, value FROM auth.outbox ORDER BY seq")
    assert [row["topic"] for row in auth] == ["organization.changed", "membership.changed", "audit.recorded"]
    assert json.loads(auth[0]["value"])["slug"] == "default"
    machines = await admin.fetch("SELECT topic, headers FROM machines.outbox")
    assert [row["topic"] for row in machines] == ["machine.changed"] * 3
    assert {row["headers"]["ce_organizationid"] for row in machines} == {str(imported.organization_id)}


async def test_a_default_organization_that_exists_is_used(
    legacy: Legacy, target: TestDatabase, admin: Connection
) -> None:
    known = await admin.fetchval(
        "INSERT INTO auth.organizations (name, slug) VALUES ('Ours', 'default') RETURNING id"
    )
    imported = await run(legacy, target)
    assert (imported.organization_id, imported.organization_name) == (known, "Ours")
    assert imported.added["organizations"] == 0


async def test_the_command_prints_counts_and_checksums(legacy: Legacy, target: TestDatabase) -> None:
    app = build(lambda: Installation({DATABASE_URL: target.admin_dsn}))
    invoke = partial(CliRunner().invoke, app, env={"COLUMNS": "200"})
    command = ["import-legacy", legacy.dsn, "--organization", "Plant"]
    first = await asyncio.to_thread(invoke, command)
    assert first.exit_code == 0, first.output
    rows = [line.split() for line in first.output.splitlines()]
    [features] = [row for row in rows if row[:1] == ["feature_data"]]
    assert features[1:4] == ["9", "9", "9"]
    assert features[4] == features[5]
    assert "Imported into the organization 'Plant'" in first.output
    assert "3 machines, 8 analyses" in first.output
    again = await asyncio.to_thread(invoke, command)
    assert "Nothing to do: the organization 'Plant'" in again.output
    wrong = await asyncio.to_thread(invoke, ["import-legacy", target.admin_dsn])
    assert wrong.exit_code == 1
    assert "has no table public.file_uploads" in wrong.output
