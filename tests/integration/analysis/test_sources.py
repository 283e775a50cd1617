"""Sources on PostgreSQL: wherever a look dies, each file is taken exactly once; from a folder to a result."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import Unit
from services.analysis.objects.store import Storage
from services.analysis.quotas.domain import Quotas
from services.analysis.quotas.service import QuotaService
from services.analysis.settings import Settings
from services.analysis.sources.domain import QUEUE, FileState, Source
from services.analysis.sources.events import Announcer
from services.analysis.sources.looking import Looker
from services.analysis.sources.places.base import Place
from services.analysis.sources.places.calls import Calls
from services.analysis.sources.places.folder import FolderPlace
from services.analysis.sources.service import look_job
from services.analysis.sources.taking import Bounds, Taker
from services.analysis.uploads.registering import Registrar
from shared.access import Role, Scope
from shared.audit import Auditor
from shared.clock import SystemClock, time_ordered_id
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import Job, LeaseLost
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.support.waiting import eventually
from tests.unit.analysis.database.examples import completed
from tests.unit.analysis.sources.examples import a_source

FILES = ("a.csv", "b.csv")
LEASE = timedelta(hours=1)


class Killed(BaseException):
    """What a process that is killed does next: nothing. Its transaction is rolled back."""


class Victim:
    """Looks at a source, and dies at the n-th place at which it waits for the world; 0 for never."""

    def __init__(self, place: Workplace, folder: Path, *, dies_at: int = 0) -> None:
        self._place = place
        self._folder = folder
        self._dies_at = dies_at
        self.waits = 0

    def wait(self) -> None:
        self.waits += 1
        if self.waits == self._dies_at:
            raise Killed

    async def look(self, job: Job) -> None:
        clock, auditor = SystemClock(), Auditor(SystemClock())
        storage = _Storage(self._place.storage, self.wait)
        quotas = QuotaService(clock, Quotas())
        registrar = Registrar(clock, time_ordered_id, auditor, ConfigService(clock, auditor), quotas)
        bounds, announcer = Bounds(2**20), Announcer(clock)
        taker = Taker(self._units, storage, registrar, announcer, clock, time_ordered_id, bounds)
        looker = Looker(self._units, self._open, taker, announcer, clock, time_ordered_id, bounds)
        await looker.run(job, HeldLease(job, LEASE, Priority(), sent_at=asyncio.get_running_loop().time()))

    @asynccontextmanager
    async def _units(self, scope: Scope) -> AsyncIterator[Unit]:
        self.wait()
        async with self._place.units(scope) as unit:
            yield unit
            self.wait()
        # It has committed, and the worker does not learn of it.
        self.wait()

    @asynccontextmanager
    async def _open(self, source: Source) -> AsyncIterator[Place]:
        self.wait()
        yield FolderPlace(self._folder, "", Calls())


class _Storage(Storage):
    def __init__(self, inner: Storage, wait: Callable[[], None]) -> None:
        super().__init__(inner._store)
        self._wait = wait

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        await super().put_stream(key, chunks)
        self._wait()


async def claimed(place: Workplace, source: Source) -> Job | None:
    """The due job of the source, after the leases of the dead have expired."""
    await place.admin.execute(
        "UPDATE analysis.jobs SET lease_until = clock_timestamp() - interval '1 s', run_at = '2020-01-01'"
        " WHERE subject_id = $1",
        source.id,
    )
    jobs = await place.units.queue.claim(QUEUE, 100, lease=LEASE)
    return next((job for job in jobs if job.subject_id == source.id), None)


async def watched(place: Workplace, *, baseline: bool = True) -> tuple[Scope, Source]:
    scope = Scope(organization_id=uuid4(), user_id=uuid4())
    source = a_source(organization_id=scope.organization_id, delay=timedelta(), next_look_at=None)
    async with place.units(scope) as unit:
        if baseline:
            await completed(unit, scope, machine_id=source.machine_id)
        await unit.sources.add(source)
        await unit.jobs.enqueue([look_job(uuid4(), source)])
    return scope, source


async def taken(place: Workplace, source: Source) -> list[tuple[str, int]]:
    """The names of the files of all runs of the machine, and how many files name each run."""
    query = """
        SELECT u.original_filename AS name, (
            SELECT count(*) FROM analysis.source_files f
            WHERE f.analysis_id = a.id AND f.state = 'taken') AS named
        FROM analysis.analyses a JOIN analysis.file_uploads u ON u.id = a.file_upload_id
        WHERE a.machine_id = $1 AND a.analysis_type = 'monitoring' ORDER BY 1"""
    return [(row["name"], row["named"]) for row in await place.admin.fetch(query, source.machine_id)]


async def test_each_file_is_taken_exactly_once_wherever_a_worker_dies(
    place: Workplace, tmp_path: Path
) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(csv(samples(3)))
    dies_at = deaths = 0
    finished = False
    while not finished:
        dies_at += 1
        _, source = await watched(place)
        victim = Victim(place, tmp_path, dies_at=dies_at)
        job = await claimed(place, source)
        assert job is not None
        try:
            await victim.look(job)
            finished = True
        except Killed:
            deaths += 1
        for _ in range(2):
            job = await claimed(place, source)
            assert job is not None, f"no look follows after death {dies_at}"
            await Victim(place, tmp_path).look(job)
        assert await taken(place, source) == [(name, 1) for name in FILES], f"after death {dies_at}"
    # A transaction and a copy per file, and four transactions around them, each with three ways to die.
    assert deaths > 3 * len(FILES) + 12


async def test_what_a_look_finds_is_kept_even_if_nothing_can_be_taken(
    place: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(csv(samples(3)))
    scope, source = await watched(place, baseline=False)
    job = await claimed(place, source)
    assert job is not None
    await Victim(place, tmp_path).look(job)
    async with place.units(scope) as unit:
        looked_at = await unit.sources.get(source.id)
        files = await unit.sources.files(source.id)
    assert looked_at is not None
    assert looked_at.problem is not None
    assert (looked_at.problem["code"], looked_at.counts) == ("no-baseline", {"waiting": 1})
    assert [(file.path, file.state) for file in files] == [("a.csv", FileState.WAITING)]


async def test_a_worker_whose_job_was_given_to_another_one_takes_nothing(
    place: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(csv(samples(3)))
    _, source = await watched(place)
    slow = await claimed(place, source)
    fast = await claimed(place, source)
    assert slow is not None
    assert fast is not None
    await Victim(place, tmp_path).look(fast)
    with pytest.raises(LeaseLost):
        await Victim(place, tmp_path).look(slow)
    assert await taken(place, source) == [("a.csv", 1)]


@pytest.fixture(scope="package")
def sources_folder(analysis_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    analysis_settings.sources_folder = str(folder)
    return folder


async def test_a_file_in_a_folder_becomes_a_result(
    sources_folder: Path, worker: Any, client: AnalysisClient
) -> None:
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(300))))
    folder = sources_folder / str(client.organization_id) / "line1"
    folder.mkdir(parents=True)
    path = f"/machines/{client.machine_id}/sources"
    body = {"name": "Logger", "place": {"kind": "folder", "path": "line1"}, "every": "PT10S", "delay": "PT1S"}
    made = (await client.post(path, body)).json()
    (folder / "today.csv").write_bytes(csv(samples(40, seed=2, shifted=[7])))

    async def run() -> dict[str, Any] | None:
        await client.post(f"{path}/{made['id']}/run")
        files = (await client.get(f"{path}/{made['id']}/files", state="taken")).json()["items"]
        return dict(files[0]) if files else None

    found = await eventually(run, seconds=60, what="the file to be taken")
    assert found is not None
    ended = await client.ended(found["analysis_id"])
    assert (ended["status"], ended["results"]["anomaly_count"]) == ("completed", 1)

    async def in_order() -> dict[str, Any] | None:
        source = (await client.get(f"{path}/{made['id']}")).json()
        return source if source["files"]["taken"] == 1 else None

    source = await eventually(in_order, what="the count of the file")
    assert source is not None
    assert source["problem"] is None
    listed = (await client.get(path)).json()["items"]
    assert [each["id"] for each in listed] == [made["id"]]
    viewer = client.as_role(Role.VIEWER)
    answer = await client.api.post(f"/api/v1{path}/{made['id']}/run", headers=viewer)
    assert answer.status_code == 403
    gone = await client.api.delete(f"/api/v1{path}/{made['id']}", headers=client.headers)
    assert gone.status_code == 204
    assert (await client.get(f"{path}/{made['id']}")).status_code == 404
