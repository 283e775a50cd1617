"""The chores of the janitor: objects that nothing refers to are deleted, all others are kept."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.analysis.jobs.janitor import ROUNDS_BETWEEN_SWEEPS, Chores
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.uploads.domain import file_key, upload_prefix
from shared.access import Scope
from tests.support.fakes import FakeClock, FakePartitions
from tests.unit.analysis.database.examples import completed
from tests.unit.analysis.database.fakes import FakeUnits

MINE = Scope(organization_id=uuid4())
SETTINGS = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"))


class Place:
    """Chores with a clock by which every object is old."""

    def __init__(self) -> None:
        self.units = FakeUnits()
        self.storage = Storage.at("memory:///")
        self.clock = FakeClock(datetime(2100, 1, 1, tzinfo=UTC))
        self.chores = Chores(self.units, FakePartitions(), self.storage, SETTINGS, self.clock)

    async def put(self, *keys: str) -> None:
        for key in keys:
            await self.storage.put(key, b"content")

    async def keys(self) -> set[str]:
        found = await self.storage.list("uploads") + await self.storage.list("models")
        return {key for key, _ in found}


@pytest.fixture
def place() -> Place:
    return Place()


async def test_only_orphaned_objects_are_deleted(place: Place) -> None:
    async with place.units(MINE) as unit:
        analysis = await completed(unit, MINE)
    assert analysis.dinsight_id is not None
    owned = {
        file_key(upload_prefix(analysis.file_upload_id), 0),
        place.units.memory.maps[analysis.dinsight_id].model_key,
    }
    orphans = {file_key(upload_prefix(uuid4()), 0), f"models/{analysis.id}/{uuid4()}.npz"}
    await place.put(*owned, *orphans)
    assert await place.chores.sweep() == 2
    assert await place.keys() == owned


async def test_young_orphans_are_kept(place: Place) -> None:
    place.clock.time = datetime(2000, 1, 1, tzinfo=UTC)
    orphan = file_key(upload_prefix(uuid4()), 0)
    await place.put(orphan)
    assert await place.chores.sweep() == 0
    assert await place.keys() == {orphan}


async def test_a_foreign_object_does_not_stop_the_sweep(place: Place) -> None:
    orphan = file_key(upload_prefix(uuid4()), 0)
    await place.put(orphan, "uploads/notes.txt")
    assert await place.chores.sweep() == 1
    assert await place.keys() == {"uploads/notes.txt"}


async def test_sweeps_are_rare(place: Place) -> None:
    await place.chores.sweep_sometimes()
    orphan = file_key(upload_prefix(uuid4()), 0)
    await place.put(orphan)
    for _ in range(ROUNDS_BETWEEN_SWEEPS - 1):
        await place.chores.sweep_sometimes()
    assert await place.keys() == {orphan}
    await place.chores.sweep_sometimes()
    assert await place.keys() == set()


async def test_discarded_objects_are_deleted(place: Place) -> None:
    await place.put("uploads/1/0000", "uploads/1/0001", "uploads/10/0000", "models/1.npz", "models/2.npz")
    async with place.units(MINE) as unit:
        for name in ("uploads/1/", "models/1.npz", "models/missing.npz"):
            await unit.upkeep.discard(name)
    await place.chores.delete_discarded()
    assert await place.keys() == {"uploads/10/0000", "models/2.npz"}
    assert place.units.memory.discarded == {}
