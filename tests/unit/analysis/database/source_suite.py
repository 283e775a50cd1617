"""What the repository of sources does, wherever it stores."""

from dataclasses import replace
from uuid import uuid4

from services.analysis.database.unit import Units
from services.analysis.sources.domain import FileState, SourceFile
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.analysis.database.examples import HOUR, NOW, Organizations, added, organization
from tests.unit.analysis.sources.examples import a_source


class SourceSuite(Organizations):
    """Subclasses provide the fixture `units`."""

    async def test_sources_are_kept_per_machine_and_organization(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        machine_id = uuid4()
        made = [
            a_source(
                organization_id=organization(mine),
                machine_id=machine_id,
                name=name,
                created_at=NOW + number * HOUR,
                sealed="test.abc",
                since=NOW,
                config={"parameters": {}, "reading": {"time_zone": "Europe/Berlin"}},
            )
            for number, name in enumerate(("first", "second", "third"))
        ]
        async with units(mine) as unit:
            for source in made:
                await unit.sources.add(source)
            await unit.sources.add(a_source(organization_id=organization(mine)))
        async with units(mine) as unit:
            first = await unit.sources.list(machine_id, PageRequest(limit=2))
            assert first.next_cursor is not None
            rest = await unit.sources.list(machine_id, PageRequest(2, first.next_cursor))
            assert [*first.items, *rest.items] == made[::-1]
            assert await unit.sources.hold_names(machine_id) == {source.id: source.name for source in made}
            changed = replace(
                made[0],
                name="other",
                problem={"code": "x"},
                counts={"taken": 3},
                applied={"base": 1, "config": 2},
            )
            await unit.sources.update(changed)
            assert await unit.sources.lock(made[0].id) == await unit.sources.get(made[0].id) == changed
        async with units(theirs) as unit:
            assert await unit.sources.get(made[0].id) is None
            assert list((await unit.sources.list(machine_id, PageRequest())).items) == []
            await unit.sources.delete(made[1].id)
        async with units(mine) as unit:
            assert await unit.sources.get(made[1].id) == made[1]

    async def test_files_of_a_source_have_one_row_per_path(self, units: Units, mine: Scope) -> None:
        source = a_source(organization_id=organization(mine))
        old = SourceFile(
            uuid4(), source.organization_id, source.id, "a.csv", 1, "1", NOW, FileState.WAITING, NOW, NOW
        )
        refused = replace(
            old,
            id=uuid4(),
            path="b/ü.csv",
            state=FileState.FAILED,
            seen_at=NOW + HOUR,
            problem={"code": "too-large", "params": {}, "text": "x"},
        )
        async with units(mine) as unit:
            await unit.sources.add(source)
            await unit.sources.put_files([old, refused])
            analysis = await added(unit, mine)
            taken = replace(
                old, size=2, state=FileState.TAKEN, taken_at=NOW, analysis_id=analysis.id, gone_since=NOW
            )
            await unit.sources.put_files([replace(taken, id=uuid4())])
        async with units(mine) as unit:
            assert {file.path: file for file in await unit.sources.files(source.id)} == {
                "a.csv": taken,
                "b/ü.csv": refused,
            }
            assert await unit.sources.counts(source.id) == {"taken": 1, "failed": 1}
            first = await unit.sources.list_files(source.id, None, PageRequest(limit=1))
            assert first.next_cursor is not None
            rest = await unit.sources.list_files(source.id, None, PageRequest(1, first.next_cursor))
            assert [*first.items, *rest.items] == [refused, taken]
            only = await unit.sources.list_files(source.id, FileState.TAKEN, PageRequest())
            assert list(only.items) == [taken]
            await unit.sources.retry_failed(source.id)
            again = await unit.sources.lock_file(refused.id)
            assert again == replace(refused, state=FileState.WAITING, problem=None)
            await unit.sources.forget_files([refused.id])
            assert await unit.sources.lock_file(refused.id) is None
            await unit.sources.delete(source.id)
        async with units(mine) as unit:
            assert list(await unit.sources.files(source.id)) == []
            assert await unit.analyses.get(analysis.id) == analysis
