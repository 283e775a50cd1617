"""Uploads: what is stored and enqueued, and the baseline that a monitoring run is compared with."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from obstore.exceptions import GenericError
from pydantic import SecretStr

from services.analysis.configs.service import ConfigService
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.errors import NoBaseline
from services.analysis.jobs.domain import MAX_SMALL_BYTES, QUEUE
from services.analysis.machines.directory import MachineDirectory
from services.analysis.machines.errors import MachineNotFound
from services.analysis.objects.store import Storage
from services.analysis.quotas.domain import Quotas
from services.analysis.quotas.errors import QuotaExceeded
from services.analysis.quotas.service import QuotaService
from services.analysis.settings import Settings
from services.analysis.uploads.errors import BadUpload, BaselineUnusable, UploadTooLarge
from services.analysis.uploads.registering import Registrar
from services.analysis.uploads.schemas import inline_config
from services.analysis.uploads.service import UploadReceiver
from shared.access import Caller, Scope
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.ended import AccessRevoked
from shared.errors import Unavailable, Unprocessable
from shared.events.analysis import UPLOAD_RECEIVED
from shared.events.auth import AUDIT_RECORDED
from shared.http.peers import Peer
from shared.jobs.queue import Job, Size
from tests.support.fakes import FakeClock, caller
from tests.unit.analysis.database.examples import HOUR, NOW, a_machine, completed
from tests.unit.analysis.database.fakes import FakeUnits

BOUNDARY = "xyz"
TABLE = b"load,f_0\nlow,1\n"


class Place:
    """The receiver of one organization with one machine, in memory."""

    def __init__(self, **limits: int) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.access_ended = False
        self.storage = Storage.at("memory:///")
        self.caller: Caller = caller()
        self.scope = Scope(organization_id=self.caller.organization_id)
        self.machine = a_machine(self.scope)
        self.units.memory.machines[self.machine.id] = self.machine
        self.settings = Settings(
            database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"),
            max_upload_bytes=2 * MAX_SMALL_BYTES,
            max_files=2,
        )
        quota_service = QuotaService(self.clock, Quotas(**limits))
        machines = Peer("http://127.0.0.1:1", name="machines")
        self.receiver = UploadReceiver(
            self.units,
            self.storage,
            MachineDirectory(self.units, machines, self.clock),
            self.settings,
            time_ordered_id,
            Registrar(
                self.clock,
                time_ordered_id,
                Auditor(self.clock),
                ConfigService(self.clock, Auditor(self.clock)),
                quota_service,
            ),
            quota_service,
            self.check_access,
        )

    def check_access(self, _caller: Caller) -> None:
        if self.access_ended:
            raise AccessRevoked

    async def send(
        self, *files: tuple[str, bytes], kind: AnalysisType = AnalysisType.BASELINE, **fields: object
    ) -> Analysis:
        values = {"machine_id": self.machine.id, "analysis_type": kind.value} | fields
        parts = [(f'files"; filename="{name}', content) for name, content in files or [("x.csv", TABLE)]]
        parts += [(name, str(value).encode()) for name, value in values.items()]
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        body = b"".join(f'{head}"{name}"\r\n\r\n'.encode() + content + b"\r\n" for name, content in parts)

        async def chunks() -> AsyncIterator[bytes]:
            yield body + f"--{BOUNDARY}--\r\n".encode()

        content_type = f"multipart/form-data; boundary={BOUNDARY}"
        return await self.receiver.receive(self.caller, content_type, None, chunks(), inline_config)

    async def keys(self) -> list[str]:
        return [key for key, _ in await self.storage.list("uploads")]

    async def jobs(self) -> list[Job]:
        return list(await self.units.queue.claim(QUEUE, 9, lease=HOUR))

    async def baseline(self, machine_id: UUID | None = None) -> Analysis:
        async with self.units(self.scope) as unit:
            return await completed(unit, self.scope, machine_id=machine_id or self.machine.id)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_an_upload_is_stored_enqueued_and_published(place: Place) -> None:
    analysis = await place.send(("a.csv", TABLE), ("b.csv", TABLE * 2))
    upload = place.units.memory.uploads[analysis.file_upload_id]
    assert [(file.filename, file.size) for file in upload.files] == [
        ("a.csv", len(TABLE)),
        ("b.csv", 2 * len(TABLE)),
    ]
    assert await place.keys() == [file.key for file in upload.files]
    assert place.units.memory.analyses == {analysis.id: analysis}
    (job,) = await place.jobs()
    assert (job.kind, job.subject_id, job.size) == ("analysis", analysis.id, Size.SMALL)
    assert [p.analysis_id for p in place.units.outbox.payloads(UPLOAD_RECEIVED)] == [analysis.id]
    assert [p.action for p in place.units.outbox.payloads(AUDIT_RECORDED)] == ["analysis.created"]


async def test_labels_may_come_as_a_file(place: Place) -> None:
    analysis = await place.send(
        ("a.csv", TABLE),
        labels="Von;Bis;Code\n01.07.2024 12:00;01.07.2024 13:00;seal\n",
        time_zone="Europe/Berlin",
    )
    assert analysis.config_id is not None
    async with place.units(place.scope) as unit:
        config = await unit.configs.get(analysis.config_id)
    assert config is not None
    assert config.reading["labels"] == [
        {"start": "2024-07-01T10:00:00Z", "end": "2024-07-01T11:00:00Z", "code": "seal"}
    ]


async def test_a_large_upload_is_a_large_job(place: Place) -> None:
    await place.send(("x.csv", b"1" * (MAX_SMALL_BYTES + 1)))
    assert [job.size for job in await place.jobs()] == [Size.LARGE]


@pytest.mark.parametrize("name", ["book.xlsx", "week.zip", "daq.lvm", "Tag_07", "old.xls", "export.CSV"])
async def test_a_files_name_says_nothing_about_its_form(place: Place, name: str) -> None:
    await place.send((name, TABLE))
    assert len(await place.jobs()) == 1


@pytest.mark.parametrize(
    ("files", "fields", "error", "says"),
    [
        ([("a.csv", TABLE), ("b.csv", b"")], {}, BadUpload, "'b.csv' is empty"),
        ([("a.csv", TABLE)] * 3, {}, BadUpload, "at most 2 files"),
        ([("a.csv", b"1" * (2 * MAX_SMALL_BYTES + 1))], {}, UploadTooLarge, "exceeds the maximum of 2 MiB"),
        ([("a.csv", TABLE)], {"config_id": "first"}, BadUpload, "must be the id of a configuration"),
        ([("a.csv", TABLE)], {"threshold": "2"}, BadUpload, "Unknown form field 'threshold'"),
        ([("a.csv", TABLE)], {"labels": "start,end\n1,2\n"}, BadUpload, "row 2: '1' is not a time"),
        ([("a.csv", TABLE)], {"baseline_id": uuid4()}, BadUpload, "Omit baseline_id"),
        ([("a.csv", TABLE)], {"kind": AnalysisType.MONITORING}, NoBaseline, "no completed baseline yet"),
    ],
)
async def test_a_rejected_upload_leaves_nothing(
    place: Place,
    files: list[tuple[str, bytes]],
    fields: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        await place.send(*files, **fields)  # type: ignore[arg-type]
    assert await place.keys() == []
    assert place.units.memory.analyses == {}
    assert await place.jobs() == []


async def test_an_upload_whose_sender_lost_access_meanwhile_leaves_nothing(place: Place) -> None:
    place.access_ended = True
    with pytest.raises(AccessRevoked):
        await place.send()
    assert (await place.keys(), place.units.memory.analyses, await place.jobs()) == ([], {}, [])


@pytest.mark.parametrize(("files", "error"), [(2, Unavailable), (1, NoBaseline)])
async def test_a_store_that_goes_away_does_not_hide_why_an_upload_fails(
    place: Place, monkeypatch: pytest.MonkeyPatch, files: int, error: type[Exception]
) -> None:
    put, puts = place.storage.put_stream, 0

    async def once(key: str, chunks: AsyncIterator[bytes]) -> None:
        nonlocal puts
        puts += 1
        if puts > 1:
            raise GenericError("connection refused")
        await put(key, chunks)

    async def delete(keys: Sequence[str]) -> None:
        raise GenericError("connection refused")

    monkeypatch.setattr(place.storage, "put_stream", once)
    monkeypatch.setattr(place.storage, "delete", delete)
    with pytest.raises(error):
        await place.send(*[("a.csv", TABLE)] * files, kind=AnalysisType.MONITORING)


async def test_a_deleted_machine_is_not_found(place: Place) -> None:
    place.units.memory.machines[place.machine.id] = replace(place.machine, deleted=True)
    with pytest.raises(MachineNotFound):
        await place.send()
    assert await place.keys() == []


async def test_a_monitoring_run_uses_the_newest_baseline_and_its_configuration(place: Place) -> None:
    baseline = await place.baseline()
    async with place.units(place.scope) as unit:
        current = await unit.configs.current(place.caller.organization_id, NOW)
        values = {name: getattr(current, name) for name in current.__dataclass_fields__ if name != "id"}
        newer = await unit.configs.add(values | {"version": 2})
    run = await place.send(kind=AnalysisType.MONITORING)
    assert (run.baseline_id, run.dinsight_id) == (baseline.id, baseline.dinsight_id)
    assert run.config_id == baseline.config_id
    other = await place.send(kind=AnalysisType.MONITORING, config_id=newer.id)
    assert other.config_id == newer.id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"analysis_type": AnalysisType.MONITORING}, "it is a monitoring run"),
        ({"machine_id": uuid4()}, "it belongs to another machine"),
        ({"status": Status.FAILED}, "its status is failed, not completed"),
        ({"dinsight_id": None}, "it was imported without its model"),
    ],
)
async def test_an_unusable_baseline_is_rejected(place: Place, changes: dict[str, object], says: str) -> None:
    baseline = await place.baseline()
    changed = replace(baseline, **changes)  # type: ignore[arg-type]
    place.units.memory.analyses[baseline.id] = changed
    with pytest.raises(BaselineUnusable, match=says):
        await place.send(kind=AnalysisType.MONITORING, baseline_id=baseline.id)
    assert await place.keys() == []


async def test_an_analysis_brings_parameters_of_its_own(place: Place) -> None:
    change = {"start_dim": "f_7", "off_when": "speed < 100", "time_column": "ts"}
    run = await place.send(("a.csv", TABLE), config=json.dumps(change), time_zone="Europe/Berlin")
    async with place.units(place.scope) as unit:
        assert run.config_id is not None
        used = await unit.configs.get(run.config_id)
        current = await unit.configs.current(place.caller.organization_id, NOW)
    assert used is not None
    assert (used.start_dim, used.inline) == ("f_7", True)
    assert used.reading == {
        "off_when": "speed < 100",
        "time_column": ["ts"],
        "time_zone": "Europe/Berlin",
    }
    assert (current.start_dim, current.reading) == ("f_0", {})


@pytest.mark.parametrize(
    ("config", "pointer", "said"),
    [
        ("{", "/body/config", "not JSON"),
        ("[]", "/body/config", "must be a JSON object"),
        ('{"start_dimm": "a"}', "/body/config/start_dimm", "not permitted"),
        ('{"off_when": "speed <"}', "/body/config/off_when", "cannot be understood"),
        ('{"time_zone": "Europe/Atlantis"}', "/body/config/time_zone", "not known"),
        ('{"resample": "PT99H"}', "/body/config/resample", "at most a day"),
        ('{"labels": [{"start": "2024-01-01T00:00:00Z"}]}', "/body/config/labels/0/end", "required"),
        ('{"ewma": 7}', "/body/config/ewma", "less than or equal to 1"),
    ],
)
async def test_wrong_parameters_are_refused_with_their_place(
    place: Place, config: str, pointer: str, said: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        await place.send(("a.csv", TABLE), config=config)
    assert refused.value.errors[0].pointer == pointer
    assert said in refused.value.errors[0].detail
    assert await place.storage.list("uploads") == []


@pytest.mark.parametrize(
    ("limit", "quota"),
    [
        ({"daily_bytes": len(TABLE) * 3 // 2}, "uploaded_bytes"),
        ({"stored_bytes": len(TABLE) * 3 // 2}, "stored_bytes"),
        ({"unfinished_analyses": 1}, "unfinished_analyses"),
    ],
)
async def test_an_upload_beyond_a_quota_is_refused_and_leaves_nothing(
    limit: dict[str, int], quota: str
) -> None:
    place = Place(**limit)
    first = await place.send()
    with pytest.raises(QuotaExceeded) as refused:
        await place.send()
    assert (refused.value.params["quota"], refused.value.params["limit"]) == (quota, *limit.values())
    assert list(place.units.memory.analyses) == [first.id]
    assert len(await place.keys()) == 1


async def test_samples_count_once_they_are_read_and_for_a_day() -> None:
    place = Place(daily_samples=100)
    first = await place.send()
    async with place.units(place.scope) as unit:
        await unit.uploads.set_status(first.file_upload_id, Status.COMPLETED, NOW, samples=100)
    with pytest.raises(QuotaExceeded, match="100 samples"):
        await place.send()
    place.clock.advance(hours=25)
    assert await place.send()
