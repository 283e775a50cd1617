"""Results are served as far as they are stored, and ranges up to a maximum."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import orjson
import pytest

from services.analysis.database.results import FeatureChunk
from services.analysis.domain import Status
from services.analysis.errors import BadRange
from services.analysis.results.service import ResultService
from shared.access import Scope
from tests.unit.analysis.database.examples import NOW, added, completed, organization
from tests.unit.analysis.database.fakes import FakeUnits


@dataclass
class Place:
    units: FakeUnits = field(default_factory=FakeUnits)
    scope: Scope = field(default_factory=lambda: Scope(organization_id=uuid4()))

    async def uploaded(self, samples: int, *stored: range) -> UUID:
        """Return an upload of some samples, whose features a and b are stored in chunks."""
        async with self.units(self.scope) as unit:
            upload_id = (await added(unit, self.scope)).file_upload_id
            await unit.uploads.set_status(upload_id, Status.FAILED, NOW, features=["a", "b"], samples=samples)
            for rows in stored:
                values = np.array([[row, -row] for row in rows], dtype=np.float64)
                metadata = [{"n": row} for row in rows]
                chunk = FeatureChunk(
                    uuid4(), organization(self.scope), upload_id, rows.start, rows.start, values, metadata
                )
                await unit.results.add_features(chunk.encode())
        return upload_id

    async def features(
        self, upload_id: UUID, start: int = 0, stop: int | None = None, names: list[str] | None = None
    ) -> Any:
        async with self.units(self.scope) as unit:
            return orjson.loads(await ResultService().features(unit, upload_id, start, stop, names))


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.mark.parametrize(
    ("stored", "start", "stop", "last"),
    [
        ([range(4), range(4, 6)], 0, None, 6),
        ([range(4), range(4, 6)], 1, 5, 5),
        ([range(4)], 0, None, 4),
        ([range(4)], 2, 6, 4),
        ([range(4, 6)], 0, None, 0),
        ([], 0, None, 0),
        ([], 9, None, 9),
    ],
)
async def test_features_end_where_stored_ones_do(
    place: Place, stored: list[range], start: int, stop: int | None, last: int
) -> None:
    """Those of an analysis that failed are deleted, but how many samples it had is known."""
    found = await place.features(await place.uploaded(6, *stored), start, stop)
    index = list(range(start, last))
    assert found == {
        "index": index,
        "features": ["a", "b"],
        "values": [[row, -row] for row in index],
        "metadata": [{"n": row} for row in index],
    }


async def test_some_features_in_another_order(place: Place) -> None:
    upload_id = await place.uploaded(4, range(2), range(2, 4))
    assert (await place.features(upload_id, 1, 4, ["b", "a"]))["values"] == [[-1, 1], [-2, 2], [-3, 3]]
    assert (await place.features(upload_id, 1, 4, ["b"]))["values"] == [[-1], [-2], [-3]]


async def test_points_are_requested_in_parts(place: Place) -> None:
    most, results = 1_000_000, ResultService()
    async with place.units(place.scope) as unit:
        analysis = await completed(unit, place.scope)
        longer = replace(analysis, results={"samples": most + 1})
        place.units.memory.analyses[analysis.id] = longer
        for start, stop in ((0, None), (0, most + 1), (0, 2**31 - 1)):
            with pytest.raises(BadRange, match="maximum of 1,000,000 samples"):
                await results.points(unit, analysis.id, start, stop)
        for start, stop in ((1, None), (0, most), (1, most + 2), (most + 9, None)):
            assert await results.points(unit, analysis.id, start, stop)
