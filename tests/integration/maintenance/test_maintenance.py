"""A run of maintenance: what is old goes, what is young, needed or held stays, and nothing is done twice."""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from dinsight.installation import SERVICES
from dinsight.maintenance import runs
from dinsight.maintenance.analyses import OwnerUnits
from dinsight.maintenance.compression import compress_results
from dinsight.maintenance.main import Nightly
from dinsight.maintenance.steps import STEPS, Outcome, run
from services.analysis.archives.archiver import Archiver
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.errors import Unavailable
from shared.events.analysis import ANALYSIS_ARCHIVED
from tests.integration.maintenance.conftest import BATCH, TRAIL, AdminPartitions, Copy
from tests.integration.maintenance.plant import CHUNKS, DAY, OLD, ROWS
from tests.support.fakes import FakeClock

Copied = Callable[[], AbstractAsyncContextManager[Copy]]
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
# What depends on when and how often something was tried, and not on what was done in the end.
OF_THE_WAY = ("auth.maintenance_runs", "analysis.outbox")
OF_THE_RUN = {
    "analysis.analyses": ["archived_at"],
    "analysis.analysis_archives": ["archived_at", "prefix", "manifest_sha256", "bytes"],
    "analysis.discarded_objects": ["id", "created_at"],
}
KILLS = 8


async def contents(copy: Copy) -> dict[str, list[str]]:
    """Every row of every table, without what differs from run to run."""
    found = {}
    for table in [row[0] for row in await copy.admin.fetch(TABLES, list(SERVICES))]:
        left_out = OF_THE_RUN.get(table, [])
        rows = await copy.admin.fetch(f"SELECT to_jsonb(t) - $1::text[] AS row FROM {table} t", left_out)
        if table not in OF_THE_WAY:
            found[table] = sorted(str(row["row"]) for row in rows)
    return found


async def ids(copy: Copy, table: str, condition: str = "true") -> set[UUID]:
    return {row["id"] for row in await copy.admin.fetch(f"SELECT id FROM {table} WHERE {condition}")}


def counts(outcomes: dict[str, Outcome]) -> dict[str, int]:
    assert [outcome.error for outcome in outcomes.values() if outcome.error] == []
    return {name: outcome.done.count for name, outcome in outcomes.items()}


# Two organizations whose data go, each with one old baseline, run, resolved alert and its delivery.
EXPECTED = {
    # Two chunks of each of three old runs, and of the features of all old analyses.
    "results and features compressed": 6 + 12,
    "analyses archived": 4,
    "archives deleted": 0,
    "uploaded files deleted": 4,
    "audit entries deleted": 3 * TRAIL,
    "alerts deleted": 2,
    # Those of the alerts that are open still; the others go with their alerts.
    "deliveries deleted": 2,
    # One that was superseded, and one that nobody needs the last state of.
    "kept answers deleted": len(SERVICES),
}


async def test_what_is_old_goes_and_everything_else_stays(copy: Copy) -> None:
    outcomes = await copy.maintained()
    assert counts(outcomes) == EXPECTED
    assert all(outcome.done.bytes > 0 for outcome in outcomes.values() if outcome.done.count)
    machines = copy.filled.machines
    old = {m.baselines[0] for m in machines.values()} | {m.runs[0] for m in machines.values()}
    held = machines[copy.filled.held]
    archived = await ids(copy, "analysis.analyses", "status = 'archived'")
    assert archived == old - {held.baselines[0], held.runs[0]}
    for tables in (("monitor_data", "monitor_packed"), ("anomalies",)):
        rows = [
            await copy.admin.fetch(f"SELECT DISTINCT analysis_id FROM analysis.{table}") for table in tables
        ]
        left = {m.runs[1] for m in machines.values()} | {held.runs[0]}
        assert {row["analysis_id"] for found in rows for row in found} == left
    alerts = await ids(copy, "alerting.alerts")
    gone = {m.alerts[0] for m in machines.values() if m is not held}
    assert alerts == {alert for m in machines.values() for alert in m.alerts} - gone
    assert counts(await copy.maintained()) == dict.fromkeys(EXPECTED, 0), "a second run has nothing to do"


async def test_a_dry_run_tells_what_a_run_does_and_changes_nothing(copy: Copy) -> None:
    before, files = await contents(copy), sorted(copy.folder.rglob("*"))
    planned = await copy.maintained(copy.context(dry_run=True))
    assert await contents(copy) == before
    assert sorted(copy.folder.rglob("*")) == files
    assert await copy.admin.fetchval("SELECT count(*) FROM auth.maintenance_runs") == 0
    done = await copy.maintained()
    assert counts(planned) == counts(done) == EXPECTED
    for name in STEPS.keys() - {"analyses archived"}:
        # A row in memory has a few bytes more or less than on its page. What is archived has been
        # compressed by then.
        assert planned[name].done.bytes == pytest.approx(done[name].done.bytes, rel=0.1)


async def test_two_runs_at_once_do_the_work_of_one(copied: Copied) -> None:
    async with copied() as alone, copied() as shared:
        await alone.maintained()
        first, second = await asyncio.gather(shared.maintained(), shared.maintained())
        both = {name: first[name].done.count + second[name].done.count for name in EXPECTED}
        assert both == EXPECTED
        assert await contents(shared) == await contents(alone)


async def test_a_killed_run_is_finished_by_the_next(copied: Copied) -> None:
    """kill -9 at random points, until a run comes through; in the end all is as if nothing had happened."""
    async with copied() as undisturbed, copied() as killed:
        began = time.monotonic()
        assert await (await command(undisturbed)).wait() == 0
        took = time.monotonic() - began
        source = random.Random(7)
        for _ in range(KILLS):
            process = await command(killed)
            try:
                await asyncio.wait_for(process.wait(), took * source.uniform(0.3, 1.0))
            except TimeoutError:
                process.kill()
                await process.wait()
        assert await (await command(killed)).wait() == 0
        assert await contents(killed) == await contents(undisturbed)
        await restorable(killed)


async def command(copy: Copy) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "dinsight", "maintenance"),
        env={"DINSIGHT_DATABASE_URL": copy.dsn, "DINSIGHT_STORAGE_URL": f"file://{copy.folder}"},
        stdout=asyncio.subprocess.DEVNULL,
    )


async def restorable(copy: Copy) -> None:
    """Every archive brings back the rows that the plant had."""
    units = OwnerUnits(copy.context(), copy.admin)
    archiver = Archiver(
        units,
        AdminPartitions(copy.admin, "analysis"),
        copy.context().storage,
        SystemClock(),
        time_ordered_id,
        restored=timedelta(days=30),
    )
    for row in await copy.admin.fetch("SELECT analysis_id, organization_id FROM analysis.analysis_archives"):
        known = await copy.admin.fetchval(
            "SELECT true FROM analysis.analysis_archives WHERE analysis_id = $1", row["analysis_id"]
        )
        # The baseline of a run came back with the run.
        if known:
            await archiver.restore(Scope(organization_id=row["organization_id"]), row["analysis_id"])
    assert await ids(copy, "analysis.analyses", "status <> 'completed'") == set()


async def test_restored_rows_are_those_from_before(copied: Copied) -> None:
    async with copied() as untouched, copied() as copy:
        await copy.maintained()
        await restorable(copy)
        # What was compressed is restored as it was before, and compressed again.
        for one in (untouched, copy):
            async for _ in run(one.context(), {"compressed": compress_results}):
                pass
        before, after = await contents(untouched), await contents(copy)
        for table in ("feature_data", "dinsight_data", "monitor_data", "monitor_packed", "anomalies"):
            assert after[f"analysis.{table}"] == before[f"analysis.{table}"], table
        assert counts(await copy.maintained())["analyses archived"] == 0, "restored ones are kept for a while"


async def test_an_archive_can_be_read_without_us(copy: Copy) -> None:
    """Features and points of an old run were compressed in a form of our own before."""
    run = copy.filled.machines[copy.filled.ours].runs[0]
    before = await copy.admin.fetch(
        "SELECT f.feature_values FROM analysis.feature_data f JOIN analysis.analyses a USING (file_upload_id)"
        " WHERE a.id = $1 ORDER BY chunk_index",
        run,
    )
    assert counts(await copy.maintained())["results and features compressed"] > 0
    [folder] = (copy.folder / "archives" / str(run)).iterdir()
    features = pq.read_table(folder / "feature_data.parquet")
    assert features.column("feature_values").to_pylist() == [row["feature_values"] for row in before]
    assert features.column("packed").null_count == len(features) == CHUNKS
    files = [pq.read_table(folder / f"{name}.parquet") for name in ("monitor_packed", "monitor_series")]
    points = [row for file in files for row in file.to_pylist()]
    assert [len(row["x_values"]) for row in points] == [ROWS] * CHUNKS
    assert points[0]["anomaly_values"] == [True, *[False] * (ROWS - 1)]
    assert points[0]["metadata"].startswith('[{"n": 1.5}')


async def test_an_organization_has_its_own_limits_within_bounds(copy: Copy) -> None:
    """A limit from before the bounds were narrowed is drawn to them."""
    own = {"analyses_days": 5000, "uploads_days": 3650, "alerts_days": 5000}
    for schema in ("analysis", "alerting"):
        await copy.admin.execute(
            f"UPDATE {schema}.organization_refs SET retention = $1 WHERE organization_id = $2",
            *(own, copy.filled.ours),
        )
    context = copy.context()
    context.retention.analyses_bounds = (30, 10_000)
    outcomes = counts(await copy.maintained(context))
    assert outcomes["analyses archived"] == 2, "the other organization's"
    assert outcomes["uploaded files deleted"] == 4, "the bound of uploads is below the age of the old ones"
    assert outcomes["alerts deleted"] == 2


async def test_the_trail_is_exported_where_that_is_asked_for(copy: Copy) -> None:
    before = await copy.admin.fetch(
        "SELECT * FROM auth.audit_logs WHERE organization_id = $1 ORDER BY created_at", copy.filled.exporting
    )
    outcomes = await copy.maintained()
    folder = copy.folder / "exports" / "audit-logs"
    assert [path.name for path in folder.iterdir()] == [str(copy.filled.exporting)]
    files = sorted((folder / str(copy.filled.exporting)).iterdir())
    assert len(files) == -(-TRAIL // BATCH)
    assert [note for note in outcomes["audit entries deleted"].done.notes if "exports/" in note]
    exported = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert {row["id"] for row in exported} == {row["id"] for row in before[:TRAIL]}
    first = next(row for row in exported if row["id"] == before[0]["id"])
    assert (first["action"], first["ip_address"]) == ("machine.updated", "203.0.113.7")
    assert first["changes"] == '{"after": {"name": "Ü"}}'
    assert first["created_at"] == before[0]["created_at"]


async def test_a_month_that_is_due_as_a_whole_is_dropped(copy: Copy) -> None:
    """What organizations want exported is exported before."""
    old = f"auth.audit_logs_{copy.context().now - OLD * DAY:%Y_%m}"
    assert await copy.admin.fetchval("SELECT to_regclass($1)", old) is not None
    assert counts(await copy.maintained())["audit entries deleted"] == 3 * TRAIL
    assert await copy.admin.fetchval("SELECT to_regclass($1)", old) is not None, "entries are held"
    await copy.admin.execute("UPDATE machines.machines SET legal_hold = false")
    asked = {"retention": {"export_audit_logs": True}}
    await copy.admin.execute(
        "UPDATE auth.organizations SET settings = $1 WHERE id = $2", asked, copy.filled.held
    )
    assert counts(await copy.maintained())["audit entries deleted"] == TRAIL
    assert await copy.admin.fetchval("SELECT to_regclass($1)", old) is None
    exported = (copy.folder / "exports" / "audit-logs" / str(copy.filled.held)).iterdir()
    assert sum(pq.read_table(path).num_rows for path in exported) == TRAIL


async def test_entries_of_a_whole_month_are_counted_when_it_is_dropped(copy: Copy) -> None:
    await copy.admin.execute("UPDATE machines.machines SET legal_hold = false")
    outcome = (await copy.maintained())["audit entries deleted"]
    assert outcome.done.count == 4 * TRAIL
    assert [note for note in outcome.done.notes if note.endswith("was dropped")]
    kept = await copy.admin.fetchval("SELECT count(*) FROM auth.audit_logs")
    assert kept == 4 * TRAIL


async def test_archives_are_deleted_after_their_retention(copy: Copy) -> None:
    await copy.maintained()
    clock = FakeClock(copy.context().now + timedelta(days=4000))
    later = copy.context()
    object.__setattr__(later, "clock", clock)
    outcomes = counts(await copy.maintained(later))
    assert outcomes["archives deleted"] == 4
    assert await ids(copy, "analysis.analyses", "status = 'archived'") >= {
        machine.runs[0]
        for machine in copy.filled.machines.values()
        if machine.organization != copy.filled.held
    }
    names = {row[0] for row in await copy.admin.fetch("SELECT prefix FROM analysis.discarded_objects")}
    for machine in copy.filled.machines.values():
        if machine.organization != copy.filled.held:
            assert f"models/{machine.baselines[0]}/1.npz" in names


async def test_archiving_is_told_and_recorded(copy: Copy) -> None:
    await copy.maintained()
    published = await copy.admin.fetch(
        "SELECT convert_from(value, 'UTF8')::jsonb AS payload FROM analysis.outbox WHERE topic = $1",
        ANALYSIS_ARCHIVED.name,
    )
    archived = await ids(copy, "analysis.analyses", "status = 'archived'")
    assert {UUID(row["payload"]["analysis_id"]) for row in published} == archived
    [run] = await copy.admin.fetch("SELECT * FROM auth.maintenance_runs")
    assert run["successful"]
    assert {name: step["count"] for name, step in run["steps"].items()} == EXPECTED


async def test_a_night_is_made_up_for_and_not_repeated(copy: Copy) -> None:
    nightly = Nightly(copy.context(), hour=4)
    await nightly.step()
    await nightly.step()
    assert await copy.admin.fetchval("SELECT count(*) FROM auth.maintenance_runs WHERE successful") == 1
    await copy.admin.execute("UPDATE auth.maintenance_runs SET started_at = started_at - interval '25 h'")
    await nightly.step()
    assert await copy.admin.fetchval("SELECT count(*) FROM auth.maintenance_runs WHERE successful") == 2


async def test_a_step_that_fails_does_not_stop_the_others(copy: Copy) -> None:
    """The store is away: archives wait, everything else is done, and the run does not count as successful."""
    await asyncio.to_thread(make_unwritable, copy.folder)
    with pytest.raises(Unavailable, match="analyses archived"):
        await Nightly(copy.context(), hour=4).step()
    [run] = await copy.admin.fetch("SELECT * FROM auth.maintenance_runs")
    assert not run["successful"]
    assert run["steps"]["analyses archived"]["error"]
    assert run["steps"]["kept answers deleted"]["count"] == len(SERVICES)
    assert await runs.last_success(copy.admin) is None
    assert await ids(copy, "analysis.analyses", "status = 'archived'") == set()


def make_unwritable(folder: Path) -> None:
    """A file in the way of the folders of archives, which stops root, too."""
    (folder / "archives").write_text("in the way")


async def test_a_hold_whose_event_is_late_keeps_everything(copy: Copy) -> None:
    for schema in ("analysis", "alerting"):
        await copy.admin.execute(f"UPDATE {schema}.machine_refs SET legal_hold = false")
    later = copy.context()
    object.__setattr__(later, "clock", FakeClock(later.now + timedelta(days=4000)))
    tables = ("analysis.anomalies", "analysis.file_uploads", "analysis.analyses", "alerting.alerts")
    count = "SELECT count(*) FROM {} WHERE organization_id = $1"
    before = [await copy.admin.fetchval(count.format(table), copy.filled.held) for table in tables]
    assert all(before)
    await copy.maintained(later)
    assert [await copy.admin.fetchval(count.format(table), copy.filled.held) for table in tables] == before
    for gone in ("file_uploads WHERE file_path IS NULL AND", "analysis_archives WHERE"):
        touched = f"SELECT count(*) FROM analysis.{gone} organization_id = $1"
        assert await copy.admin.fetchval(touched, copy.filled.held) == 0


async def test_a_hold_keeps_the_trail_of_the_organization(copy: Copy) -> None:
    await copy.maintained()
    trail = "SELECT count(*) FROM auth.audit_logs WHERE organization_id = $1"
    assert await copy.admin.fetchval(trail, copy.filled.held) == 2 * TRAIL
