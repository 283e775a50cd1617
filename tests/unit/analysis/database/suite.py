"""What the repositories of machines, configurations, uploads and analyses do, wherever they store."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from services.analysis.configs.domain import PARAMETERS
from services.analysis.database.unit import Units
from services.analysis.domain import AnalysisFilter, AnalysisType, Status
from services.analysis.engine import EngineConfig
from services.analysis.uploads.domain import upload_prefix
from shared.access import Scope
from shared.http.pages import PageRequest
from shared.jobs.queue import NewJob
from tests.unit.analysis.database.examples import (
    HOUR,
    NOW,
    Organizations,
    a_machine,
    added,
    an_anomaly,
    completed,
    organization,
)


class RepositorySuite(Organizations):
    """Subclasses provide the fixture `units`."""

    async def test_only_newer_versions_of_a_machine_are_stored(self, units: Units, mine: Scope) -> None:
        machine = a_machine(mine, version=3)
        async with units(mine) as unit:
            assert await unit.machines.merge(machine)
            assert not await unit.machines.merge(replace(machine, version=3, name="Late"))
            assert not await unit.machines.merge(replace(machine, version=2, name="Later"))
            assert await unit.machines.get(machine.id) == await unit.machines.lock(machine.id) == machine
            deleted = replace(machine, version=4, deleted=True)
            assert await unit.machines.merge(deleted)
            assert not await unit.machines.merge(replace(machine, version=5))
            assert await unit.machines.get(machine.id) == deleted
            assert await unit.machines.get(uuid4()) is None

    async def test_purging_a_machine_leaves_those_beside_it(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        async with units(mine) as unit:
            gone, kept = await completed(unit, mine), await completed(unit, mine)
            anomalies = [an_anomaly(gone), an_anomaly(kept)]
            await unit.anomalies.add_all(anomalies)
            job = NewJob(uuid4(), "analysis", "analysis", gone.id, organization(mine))
            await unit.jobs.enqueue([job])
        async with units(theirs) as unit:
            await unit.machines.purge(gone.machine_id)
        async with units(mine) as unit:
            assert await unit.analyses.get(gone.id) == gone
            await unit.machines.purge(gone.machine_id)
        async with units(mine) as unit:
            assert await unit.analyses.get(gone.id) is None
            assert await unit.uploads.get(gone.file_upload_id) is None
            assert gone.dinsight_id is not None
            assert await unit.results.model_key(gone.dinsight_id) is None
            assert await unit.anomalies.get(anomalies[0].id) is None
            assert await unit.jobs.cancel([gone.id]) == 0
            assert await unit.analyses.get(kept.id) == kept
            assert await unit.anomalies.get(anomalies[1].id) == anomalies[1]
        async with units(Scope()) as unit:
            names = {name for _, name in await unit.upkeep.discarded(1000)}
        assert {f"{upload_prefix(gone.file_upload_id)}/", f"models/{gone.id}/1.npz"} <= names
        assert f"{upload_prefix(kept.file_upload_id)}/" not in names

    async def test_the_first_configuration_has_the_defaults(self, units: Units, mine: Scope) -> None:
        async with units(mine) as unit:
            first = await unit.configs.current(organization(mine), NOW)
            assert await unit.configs.lock_current(organization(mine), NOW + HOUR) == first
        assert (first.version, first.created_at, first.created_by) == (1, NOW, None)
        defaults = EngineConfig()
        assert all(getattr(first, name) == getattr(defaults, name) for name in PARAMETERS)

    async def test_configurations_are_listed_newest_first(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        async with units(mine) as unit:
            configs = [await unit.configs.current(organization(mine), NOW)]
            values = {name: getattr(configs[0], name) for name in PARAMETERS} | {
                "sensitivity": 4.0,
                "roles": {"load": "context"},
            }
            for version in (2, 3, 4):
                more = {"version": version, "created_at": NOW + version * HOUR, "created_by": uuid4()}
                configs.append(
                    await unit.configs.add(values | more | {"organization_id": organization(mine)})
                )
            assert await unit.configs.current(organization(mine), NOW) == configs[-1]
            first = await unit.configs.list(PageRequest(3))
            assert first.next_cursor is not None
            rest = await unit.configs.list(PageRequest(3, first.next_cursor))
            assert [*first.items, *rest.items] == configs[::-1]
            assert rest.next_cursor is None
            assert await unit.configs.get(configs[1].id) == configs[1]
        async with units(theirs) as unit:
            assert await unit.configs.get(configs[1].id) is None

    async def test_a_configuration_of_one_analysis_never_becomes_the_current_one(
        self, units: Units, mine: Scope
    ) -> None:
        reading = {"off_when": "speed < 100", "labels": [{"start": "a", "end": "b", "code": "c"}]}
        async with units(mine) as unit:
            first = await unit.configs.lock_current(organization(mine), NOW)
            assert (first.reading, first.inline) == ({}, False)
            assert await unit.configs.next_version(organization(mine)) == 2
            values = {name: getattr(first, name) for name in PARAMETERS}
            more = {"version": 2, "created_at": NOW + HOUR, "created_by": uuid4(), "reading": reading}
            inline = await unit.configs.add(
                values | more | {"organization_id": organization(mine), "inline": True}
            )
            assert (await unit.configs.get(inline.id)) == inline
            assert (inline.reading, inline.inline) == (reading, True)
            assert await unit.configs.current(organization(mine), NOW) == first
            assert await unit.configs.next_version(organization(mine)) == 3

    async def test_the_quality_of_a_run_is_that_of_its_last_attempt(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        async with units(mine) as unit:
            run = await added(unit, mine)
            assert await unit.qualities.get(run.id) is None
            for rows in (10, 20):
                await unit.qualities.save(run, {"files": [{"rows": rows}]})
            assert await unit.qualities.get(run.id) == {"files": [{"rows": 20}]}
        async with units(theirs) as unit:
            assert await unit.qualities.get(run.id) is None

    async def test_usage_is_that_of_the_organization(self, units: Units, mine: Scope, theirs: Scope) -> None:
        async with units(theirs) as unit:
            await added(unit, theirs)
        async with units(mine) as unit:
            assert mine.organization_id is not None
            await unit.uploads.lock_usage(mine.organization_id)
            before = await unit.uploads.usage(NOW)
            analysis = await added(unit, mine)
            await unit.uploads.set_status(analysis.file_upload_id, Status.PROCESSING, NOW, samples=3)
            upload = await unit.uploads.get(analysis.file_upload_id)
            assert upload is not None
            size = upload.file_size
            after = await unit.uploads.usage(NOW)
            assert after.uploaded_bytes - before.uploaded_bytes == size
            assert after.stored_bytes - before.stored_bytes == size
            assert after.uploaded_samples - before.uploaded_samples == 3
            assert after.unfinished_analyses - before.unfinished_analyses == 1
            assert (await unit.uploads.usage(NOW + HOUR)).uploaded_bytes == 0
            await unit.uploads.forget_files(analysis.file_upload_id)
            assert await unit.uploads.get(analysis.file_upload_id) == replace(upload, file_path="")
            assert await unit.uploads.usage(NOW) == replace(after, stored_bytes=before.stored_bytes)

    async def test_an_upload_keeps_what_was_found_in_it(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        async with units(mine) as unit:
            analysis = await added(unit, mine)
            upload = await unit.uploads.get(analysis.file_upload_id)
            assert upload is not None
            assert (upload.status, upload.merged_files) == (
                Status.PENDING,
                [{"filename": "normal.csv", "size": 12}],
            )
            processing = Status.PROCESSING
            await unit.uploads.set_status(upload.id, processing, NOW, features=["a", "b"], samples=3)
            await unit.uploads.set_status(upload.id, Status.FAILED, NOW + HOUR, error_message="row 2")
            changes: dict[str, Any] = {
                "status": Status.FAILED,
                "updated_at": NOW + HOUR,
                "error_message": "row 2",
            }
            assert await unit.uploads.get(upload.id) == replace(
                upload, features=["a", "b"], samples=3, **changes
            )
        async with units(theirs) as unit:
            assert await unit.uploads.get(upload.id) is None

    async def test_analyses_are_filtered_and_paged(self, units: Units, mine: Scope, theirs: Scope) -> None:
        async with units(mine) as unit:
            some = [await added(unit, mine, created_at=NOW + number * HOUR) for number in (0, 1, 1, 2)]
            done = await completed(unit, mine, created_at=NOW + 9 * HOUR)
            everything = sorted([*some, done], key=lambda a: (a.created_at, a.id), reverse=True)
            first = await unit.analyses.list(AnalysisFilter(), PageRequest(2))
            second = await unit.analyses.list(AnalysisFilter(), PageRequest(9, first.next_cursor))
            assert [*first.items, *second.items] == everything
            for wanted, expected in (
                (AnalysisFilter(machine_id=done.machine_id), [done]),
                (AnalysisFilter(status=Status.COMPLETED), [done]),
                (AnalysisFilter(analysis_type=AnalysisType.MONITORING), []),
            ):
                assert list((await unit.analyses.list(wanted, PageRequest())).items) == expected
        async with units(theirs) as unit:
            assert list((await unit.analyses.list(AnalysisFilter(), PageRequest())).items) == []
            assert await unit.analyses.get(done.id) is None
            assert await unit.analyses.begin(some[0].id, 1) is None

    async def test_the_newest_completed_analyses_of_a_machine(self, units: Units, mine: Scope) -> None:
        machine_id = uuid4()
        async with units(mine) as unit:
            done = [
                await completed(unit, mine, machine_id=machine_id, now=NOW + number * HOUR)
                for number in (2, 0, 1)
            ]
            await added(unit, mine, machine_id=machine_id)
            await completed(unit, mine)
            newest = await unit.analyses.newest(machine_id, AnalysisType.BASELINE, 2)
            assert list(newest) == [done[0], done[2]]
            assert list(await unit.analyses.newest(machine_id, AnalysisType.MONITORING, 2)) == []

    async def test_an_analysis_ends_once(self, units: Units, mine: Scope) -> None:
        async with units(mine) as unit:
            analysis = await added(unit, mine)
            assert await unit.analyses.lock(analysis.id) is None
            assert not await unit.analyses.lock_against_deletion(analysis.id)
            begun = await unit.analyses.begin(analysis.id, 2)
            assert begun is not None
            assert (begun.status, begun.attempts) == (Status.PROCESSING, 2)
            await unit.analyses.set_progress(analysis.id, "fitting", 0.5)
            locked = await unit.analyses.lock(analysis.id)
            assert locked is not None
            assert await unit.analyses.lock_against_deletion(analysis.id)
            assert (locked.stage, locked.progress) == ("fitting", 0.5)
            await unit.analyses.requeue(analysis.id, attempts=1)
            waiting = await unit.analyses.get(analysis.id)
            assert waiting == replace(analysis, attempts=1)
            assert await unit.analyses.fail(analysis.id, error={"message": "row 3"}, now=NOW + HOUR)
            failed = replace(
                waiting, status=Status.FAILED, error={"message": "row 3"}, completed_at=NOW + HOUR
            )
            assert await unit.analyses.get(analysis.id) == failed
            assert not await unit.analyses.fail(analysis.id, error={"message": "again"}, now=NOW)
            assert not await unit.analyses.complete(analysis.id, results={}, dinsight_id=uuid4(), now=NOW)
            assert await unit.analyses.begin(analysis.id, 3) is None
            assert await unit.analyses.get(analysis.id) == failed

    async def test_the_scored_chunks_of_a_run_are_counted(self, units: Units, mine: Scope) -> None:
        async with units(mine) as unit:
            analysis = await added(unit, mine)
            await unit.analyses.begin(analysis.id, 1)
            assert not (await unit.analyses.count_scored(analysis.id)).done
            state = await unit.analyses.set_read(
                analysis.id, chunks=2, now=NOW + HOUR, timings={"reading": 0.5}
            )
            assert (state.chunks, state.scored, state.done) == (2, 1, False)
            assert (state.read_at, dict(state.timings)) == (NOW + HOUR, {"reading": 0.5})
            assert (await unit.analyses.count_scored(analysis.id)).done
            await unit.analyses.begin(analysis.id, 2)
            again = await unit.analyses.scoring(analysis.id)
            assert (again.chunks, again.scored) == (None, 0)
