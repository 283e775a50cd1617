"""Looks at places with files that cannot be read."""

import pytest

from services.analysis.sources.looking import MAX_TAKEN
from services.analysis.sources.places.base import PlaceError
from shared.events.analysis import SOURCE_FAILED
from tests.unit.analysis.database.examples import HOUR
from tests.unit.analysis.sources.examples import MINUTE
from tests.unit.analysis.sources.scene import Scene


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    await made.watch()
    await made.with_baseline()
    return made


async def test_a_file_that_cannot_be_read_does_not_hold_up_the_others(scene: Scene) -> None:
    scene.place.files = {"a.csv": b"x" * 10, "b.csv": b"y" * 10}
    scene.place.unreadable["a.csv"] = PlaceError("file-unreadable", "No right to read.", file="a.csv")
    await scene.look()
    await scene.look()
    await scene.look(HOUR)
    assert scene.taken() == ["b.csv"]
    assert [p.file for p in scene.units.outbox.payloads(SOURCE_FAILED)] == ["a.csv"]
    del scene.place.unreadable["a.csv"]
    await scene.look(HOUR)
    assert scene.taken() == ["b.csv", "a.csv"]
    assert scene.files["a.csv"].problem is None


async def test_many_files_that_cannot_be_read_leave_room_for_the_others(scene: Scene) -> None:
    away = {f"{n:03d}.csv": b"x" * 10 for n in range(MAX_TAKEN + 10)}
    scene.place.files = away | {"z.csv": b"y" * 10}
    for path in away:
        scene.place.unreadable[path] = PlaceError("file-unreadable", "No right to read.", file=path)
    await scene.look()
    await scene.look()
    assert scene.taken() == ["z.csv"]
    assert scene.now.next_look_at == scene.clock.now() + scene.source.every
    *_, last = away
    del scene.place.unreadable[last]
    await scene.look(HOUR)
    assert scene.taken() == ["z.csv", last]


async def test_files_that_cannot_be_read_are_no_reason_to_hurry(scene: Scene) -> None:
    """A look that has no time left for them is not followed by another one at once."""
    scene.place.files = {"a.csv": b"x" * 10}
    scene.place.unreadable["a.csv"] = PlaceError("file-unreadable", "No right to read.", file="a.csv")
    await scene.look()
    await scene.look()
    scene.place.files["b.csv"] = b"y" * 10
    await scene.look(HOUR)
    longer = scene.bounds.taking + MINUTE
    scene.place.during = lambda: setattr(scene.clock, "time", scene.clock.now() + longer)
    scene.place.reads.clear()
    await scene.look()
    assert (scene.taken(), scene.place.reads) == (["b.csv"], ["b.csv"])
    assert scene.now.next_look_at == scene.clock.now() + scene.source.every
