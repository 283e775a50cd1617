"""Looks at a source: what becomes an analysis, and what happens to what cannot."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.analysis.sources import looking
from services.analysis.sources.domain import QUEUE, FileState
from services.analysis.sources.looking import MAX_TAKEN
from services.analysis.sources.places.base import PlaceError
from services.analysis.sources.service import look_job
from services.analysis.sources.taking import Bounds
from shared.clock import time_ordered_id
from shared.events.analysis import SOURCE_FAILED, SOURCE_RECOVERED, UPLOAD_RECEIVED
from shared.events.auth import AUDIT_RECORDED
from shared.process import background
from tests.support.waiting import eventually
from tests.unit.analysis.database.examples import HOUR
from tests.unit.analysis.sources.examples import MINUTE, a_source
from tests.unit.analysis.sources.scene import MAX_BYTES, FakePlace, Scene

SOON = timedelta(seconds=0.2)
AWAY = PlaceError("host-unreachable", "There is no connection.")


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    await made.watch()
    return made


async def test_a_file_beyond_the_quota_is_not_even_read(scene: Scene) -> None:
    await scene.with_baseline()
    scene.settings = scene.settings.model_copy(update={"quota_unfinished_analyses": 1})
    scene.place.files = {"a.csv": b"x" * 10, "b.csv": b"y" * 10}
    await scene.look()
    for _ in range(3):
        await scene.look(HOUR)
    assert (scene.taken(), scene.place.reads) == (["a.csv"], ["a.csv", "b.csv"])
    assert scene.problem == "quota-exceeded"


async def test_each_file_becomes_one_monitoring_run(scene: Scene) -> None:
    baseline = await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10, "deep/b.csv": b"y" * 20, "notes.txt": b"z"}
    await scene.look()
    assert scene.taken() == []
    assert scene.now.counts == {"waiting": 2}
    await scene.look()
    assert scene.taken() == ["a.csv", "b.csv"]
    assert {run.baseline_id for run in scene.runs} == {baseline.id}
    assert {run.created_by for run in scene.runs} == {scene.source.created_by}
    files = scene.files
    assert [files[path].analysis_id for path in ("a.csv", "deep/b.csv")] == [run.id for run in scene.runs]
    assert (scene.now.counts, scene.now.problem, scene.now.taken_at) == (
        {"taken": 2},
        None,
        scene.clock.now(),
    )
    assert len(scene.units.outbox.payloads(UPLOAD_RECEIVED)) == 2
    created = [
        p.changes for p in scene.units.outbox.payloads(AUDIT_RECORDED) if p.action == "analysis.created"
    ]
    assert [c["after"]["path"] for c in created if c] == ["a.csv", "deep/b.csv"]
    for _ in range(3):
        await scene.look(HOUR)
    assert len(scene.runs) == 2
    assert len(await scene.stored()) == 2


async def test_the_next_look_comes_when_a_file_may_have_settled(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look()
    assert scene.now.next_look_at == scene.clock.now() + MINUTE
    await scene.look()
    assert scene.now.next_look_at == scene.clock.now() + scene.source.every


async def test_a_file_that_grows_while_it_is_copied_is_waited_for(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look()
    scene.place.during = lambda: scene.place.files.update({"a.csv": b"x" * 12})
    await scene.look()
    assert scene.taken() == []
    assert await scene.stored() == []
    scene.place.during = lambda: None
    await scene.look()
    assert scene.taken() == []
    await scene.look(5 * MINUTE)
    assert scene.taken() == ["a.csv"]
    (upload_id,) = (run.file_upload_id for run in scene.runs)
    assert scene.units.memory.uploads[upload_id].file_size == 12


async def test_a_file_that_goes_while_it_is_copied_is_forgotten(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look()
    scene.place.during = lambda: scene.place.files.clear()
    await scene.look()
    await scene.look(5 * MINUTE)
    assert (scene.taken(), scene.files) == ([], {})


async def test_a_file_that_is_too_large_is_refused_and_the_others_are_taken(scene: Scene) -> None:
    await scene.with_baseline()
    await scene.watch(pattern="*")
    unnamable = "c" * 300 + ".csv"
    scene.place.files = {"a.csv": b"x" * (MAX_BYTES + 1), "b.csv": b"y" * 10, unnamable: b"z"}
    await scene.look()
    await scene.look()
    assert scene.taken() == ["b.csv"]
    assert scene.now.counts == {"failed": 2, "taken": 1}
    problems = {path: file.problem["code"] for path, file in scene.files.items() if file.problem}
    assert problems == {"a.csv": "too-large", unnamable: "file-name"}
    failed = scene.units.outbox.payloads(SOURCE_FAILED)
    assert [(p.code, p.file, p.machine_id) for p in failed] == [
        ("too-large", "a.csv", scene.machine.id),
        ("file-name", unnamable, scene.machine.id),
    ]
    await scene.look(HOUR)
    assert len(scene.units.outbox.payloads(SOURCE_FAILED)) == 2


async def test_without_a_baseline_files_wait_uncopied_and_it_is_said_once(scene: Scene) -> None:
    scene.place.files = {"a.csv": b"x" * 10}
    for _ in range(4):
        await scene.look(5 * MINUTE)
    assert scene.problem == "no-baseline"
    assert scene.place.reads == []
    assert [p.code for p in scene.units.outbox.payloads(SOURCE_FAILED)] == ["no-baseline"]
    await scene.with_baseline()
    await scene.look(5 * MINUTE)
    assert scene.taken() == ["a.csv"]
    assert scene.problem is None
    assert [p.source_id for p in scene.units.outbox.payloads(SOURCE_RECOVERED)] == [scene.source.id]


async def test_a_place_that_is_away_is_a_problem_since_it_went(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.error = AWAY
    await scene.look()
    since = scene.clock.now().isoformat()
    await scene.look(HOUR)
    assert scene.now.problem == AWAY.problem.stored() | {"since": since}
    assert scene.now.next_look_at == scene.clock.now() + scene.source.every
    scene.place.error = PlaceError("sign-in-refused", "The server refuses.")
    await scene.look(HOUR)
    assert [p.code for p in scene.units.outbox.payloads(SOURCE_FAILED)] == [
        "host-unreachable",
        "sign-in-refused",
    ]


async def test_a_connection_that_breaks_within_a_file_leaves_it_waiting(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    scene.place.unreadable["a.csv"] = AWAY
    await scene.look()
    await scene.look()
    assert (scene.files["a.csv"].state, scene.files["a.csv"].problem) == (FileState.WAITING, None)
    assert scene.problem == "host-unreachable"
    assert await scene.stored() == []


async def test_all_files_share_one_configuration_until_the_baseline_has_another(scene: Scene) -> None:
    changes = {"parameters": {"max_missing": 0.25}, "reading": {"time_zone": "Europe/Berlin"}}
    await scene.with_baseline()
    await scene.watch(config=changes)
    scene.place.files = {f"{n}.csv": b"x" * (n + 5) for n in range(3)}
    await scene.look()
    await scene.look()
    (config_id,) = {run.config_id for run in scene.runs}
    assert len(scene.runs) == 3
    assert config_id is not None
    config = scene.units.memory.configs[config_id]
    assert (config.inline, config.max_missing, config.reading) == (True, 0.25, {"time_zone": "Europe/Berlin"})


async def test_many_files_are_taken_in_several_looks_at_once(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {f"{n:03d}.csv": b"x" * (n + 5) for n in range(MAX_TAKEN + 7)}
    await scene.look()
    await scene.look()
    assert scene.taken() == sorted(scene.place.files)


@pytest.mark.parametrize("end", ["deleted", "off"])
async def test_a_source_that_ends_is_not_looked_at_again(scene: Scene, end: str) -> None:
    await scene.with_baseline()
    if end == "deleted":
        scene.units.memory.sources.clear()
    else:
        scene.units.memory.sources[scene.source.id] = replace(scene.source, is_active=False)
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look()
    depth = await scene.units.queue.depth(QUEUE)
    assert (scene.files, depth.waiting, depth.running) == ({}, 0, 0)


async def test_a_source_that_ends_while_a_file_is_copied_takes_it_not(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look()
    scene.place.during = scene.units.memory.sources.clear
    await scene.look()
    assert (scene.taken(), await scene.stored()) == ([], [])


async def test_an_internal_error_is_shown_in_the_end_and_the_source_is_looked_at_again(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.error = RuntimeError("a defect")
    for _ in range(3):
        await scene.look()
    assert scene.problem == "internal"
    scene.place.error = None
    scene.place.files = {"a.csv": b"x" * 10}
    await scene.look(looking.AFTER_GIVING_UP)
    await scene.look()
    assert scene.taken() == ["a.csv"]
    assert scene.problem is None


async def another(scene: Scene, name: str) -> FakePlace:
    """A further source of the machine, with a place of its own."""
    source = a_source(
        organization_id=scene.caller.organization_id,
        machine_id=scene.machine.id,
        name=name,
        every=MINUTE,
        next_look_at=scene.clock.now(),
    )
    scene.places[source.id] = FakePlace({f"{name}.csv": b"x" * 10})
    async with scene.units(scene.scope) as unit:
        await unit.sources.add(source)
        await unit.jobs.enqueue([look_job(time_ordered_id(), source)])
    return scene.places[source.id]


async def test_sources_that_are_slow_leave_lanes_to_quick_ones(scene: Scene) -> None:
    await scene.with_baseline()
    scene.settings.sources_concurrency = 1
    async with scene.units(scene.scope) as unit:
        await unit.jobs.cancel([scene.source.id])
    slow = [await another(scene, f"slow{number}") for number in range(3)]
    for place in slow:
        place.during = lambda: setattr(scene.clock, "time", scene.clock.now() + 2 * looking.MAX_QUICK)
    await scene.look()
    await scene.look(5 * MINUTE)
    assert sorted(scene.taken()) == ["slow0.csv", "slow1.csv", "slow2.csv"]
    for place in slow:
        place.hanging.add("")
        place.lists = 0
    scene.clock.time += 5 * MINUTE
    worker = scene.worker()

    async def others_hang() -> bool:
        return any(place.lists for place in slow)

    async def seen() -> bool:
        return any(file.path == "fresh.csv" for file in scene.units.memory.source_files.values())

    async with background(*(loop.run() for loop in worker.loops)):
        await eventually(others_hang, what="the look at a place that hangs")
        await another(scene, "fresh")
        await eventually(seen, what="the look at a source beside others that hang")
        for place in slow:
            place.answers.set()
    await worker.stop()


async def test_a_file_that_does_not_arrive_in_time_is_refused(scene: Scene) -> None:
    await scene.with_baseline()
    scene.bounds = Bounds(MAX_BYTES, copying=SOON)
    scene.place.files = {"a.csv": b"x" * 10}
    scene.place.hanging.add("a.csv")
    await scene.look()
    await scene.look()
    await scene.look(HOUR)
    assert (scene.problem, scene.now.counts, scene.place.reads) == (None, {"failed": 1}, ["a.csv"])
    assert await scene.stored() == []
    assert [(p.code, p.file) for p in scene.units.outbox.payloads(SOURCE_FAILED)] == [("too-slow", "a.csv")]


async def test_a_list_that_does_not_end_is_a_problem_until_it_does(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {"a.csv": b"x" * 10}
    scene.place.hanging.add("")
    scene.bounds = Bounds(MAX_BYTES, listing=SOON)
    await scene.look()
    assert (scene.problem, scene.taken()) == ("listing-slow", [])
    scene.place.hanging.clear()
    scene.bounds = Bounds(MAX_BYTES)
    await scene.look(HOUR)
    await scene.look()
    assert scene.now.problem is None
    assert scene.taken() == ["a.csv"]
    assert len(scene.units.outbox.payloads(SOURCE_RECOVERED)) == 1


async def test_a_look_that_takes_long_is_followed_by_another_one_at_once(scene: Scene) -> None:
    await scene.with_baseline()
    scene.place.files = {f"{n}.csv": b"x" * (n + 5) for n in range(5)}
    scene.place.during = lambda: setattr(scene.clock, "time", scene.clock.now() + scene.bounds.taking)
    await scene.look()
    await scene.look()
    assert scene.taken() == sorted(scene.place.files)
    assert scene.place.lists > 2
