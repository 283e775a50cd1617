"""What the repository of baseline versions does, wherever it stores."""

from dataclasses import replace
from uuid import uuid4

from services.analysis.baselines.domain import ActiveBaseline
from services.analysis.database.unit import Units
from services.analysis.domain import AnalysisType
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.analysis.database.examples import HOUR, NOW, Organizations, added, completed


class BaselineSuite(Organizations):
    """Subclasses provide the fixture `units`."""

    async def test_the_newest_completed_baseline_is_active_until_one_is_chosen(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        machine_id, somebody = uuid4(), uuid4()
        async with units(mine) as unit:
            assert await unit.baselines.active(machine_id) is None
            first = await completed(unit, mine, machine_id=machine_id)
            await added(unit, mine, machine_id=machine_id)
            assert await unit.baselines.active(machine_id) == ActiveBaseline(first.id, False, None, NOW)
            second = await completed(unit, mine, machine_id=machine_id, now=NOW + HOUR)
            found = await unit.baselines.active(machine_id)
            assert found == ActiveBaseline(second.id, False, None, NOW + HOUR)
            assert await unit.baselines.hold(machine_id) == 2
            await unit.baselines.choose(machine_id, first.id, by=somebody, at=NOW + 2 * HOUR)
        async with units(mine) as unit:
            chosen = ActiveBaseline(first.id, True, somebody, NOW + 2 * HOUR)
            assert await unit.baselines.active(machine_id) == chosen
            await completed(unit, mine, machine_id=machine_id, now=NOW + 3 * HOUR)
            assert await unit.baselines.active(machine_id) == chosen
        async with units(theirs) as unit:
            assert await unit.baselines.active(machine_id) is None
            assert list((await unit.baselines.list(machine_id, PageRequest())).items) == []
            assert await unit.baselines.get(machine_id, first.id) is None
        async with units(mine) as unit:
            await unit.baselines.hold(machine_id)
            await unit.baselines.choose(machine_id, None, by=None, at=None)
            found = await unit.baselines.active(machine_id)
            assert found is not None
            assert (found.by_hand, found.activated_at) == (False, NOW + 3 * HOUR)

    async def test_versions_are_numbered_and_listed_newest_first(self, units: Units, mine: Scope) -> None:
        machine_id = uuid4()
        async with units(mine) as unit:
            made = [
                await completed(
                    unit, mine, machine_id=machine_id, created_at=NOW + n * HOUR, now=NOW + n * HOUR
                )
                for n in range(3)
            ]
            await completed(unit, mine, machine_id=machine_id, analysis_type=AnalysisType.MONITORING)
            await completed(unit, mine)
            assert [each.baseline_version for each in made] == [1, 2, 3]
            first = await unit.baselines.list(machine_id, PageRequest(2))
            rest = await unit.baselines.list(machine_id, PageRequest(2, first.next_cursor))
            assert [each.number for each in (*first.items, *rest.items)] == [3, 2, 1]
            assert rest.next_cursor is None
            newest = first.items[0]
            assert (newest.analysis_id, newest.active, newest.by_hand, newest.proposed) == (
                made[2].id,
                True,
                False,
                False,
            )
            assert newest.results == {"samples": 3}
            await unit.baselines.hold(machine_id)
            await unit.baselines.choose(machine_id, made[0].id, by=uuid4(), at=NOW)
            versions = (await unit.baselines.list(machine_id, PageRequest())).items
            assert [each.active for each in versions] == [False, False, True]
            assert [each.by_hand for each in versions] == [False, False, True]
            # Only the newest one is worth a proposal.
            assert [each.proposed for each in versions] == [True, False, False]
            assert await unit.baselines.get(machine_id, made[0].id) == versions[2]
            assert await unit.baselines.get(uuid4(), made[0].id) is None

    async def test_a_chosen_baseline_that_is_not_completed_does_not_judge(
        self, units: Units, mine: Scope
    ) -> None:
        machine_id = uuid4()
        async with units(mine) as unit:
            done = await completed(unit, mine, machine_id=machine_id)
            waiting = await added(unit, mine, machine_id=machine_id)
            await unit.baselines.hold(machine_id)
            await unit.baselines.choose(machine_id, waiting.id, by=uuid4(), at=NOW)
            found = await unit.baselines.active(machine_id)
            assert found is not None
            assert replace(found, activated_at=None) == ActiveBaseline(done.id, False, None, None)
