"""Sources are created, changed and deleted: names, secrets, schedules."""

import base64
from typing import Any
from uuid import uuid4

import pytest
from pydantic import TypeAdapter, ValidationError

from services.analysis.engine.times.periods import period_text
from services.analysis.sources.domain import QUEUE, Source
from services.analysis.sources.errors import (
    PlaceNotAllowed,
    SecretNeeded,
    SourceNameTaken,
    SourceNotFound,
    SourceOff,
)
from services.analysis.sources.opening import Places
from services.analysis.sources.places.base import PlaceError
from services.analysis.sources.places.bucket import BucketPlace
from services.analysis.sources.places.folder import FolderPlace
from services.analysis.sources.places.kinds import PlaceIn
from services.analysis.sources.schemas import EXAMPLE, Every, SourceCreate, SourceOut, SourceUpdate, fields_of
from services.analysis.sources.sealing import SecretSealer
from services.analysis.sources.service import SourceService
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.errors import Unprocessable
from shared.events.auth import AUDIT_RECORDED
from tests.unit.analysis.sources.scene import Scene

KEYS = "test:" + base64.b64encode(bytes(32)).decode()
SFTP: dict[str, Any] = {"kind": "sftp", "host": "files.example.com", "username": "plant"}
BUCKET: dict[str, Any] = {"kind": "bucket", "bucket": "plant-data", "access_key_id": "key"}


class Desk:
    """The service, with the data of one machine."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.sealer = SecretSealer(Encryptor(KEYS))
        self.scene.settings = self.scene.settings.model_copy(
            update={"sources_folder": "/srv/sources", "sources_endpoints": ("https://minio.example.com",)}
        )
        self.places = Places(self.scene.settings, self.sealer)
        self.service = SourceService(
            self.scene.clock,
            time_ordered_id,
            self.scene.auditor,
            self.scene.configs,
            self.places,
            self.sealer,
        )

    async def create(self, **fields: Any) -> Source:
        body = SourceCreate.model_validate({"name": "Logger", "place": {"kind": "folder"}} | fields)
        async with self.scene.units(self.scene.scope) as unit:
            return await self.service.create(unit, self.scene.caller, self.scene.machine.id, fields_of(body))

    async def change(self, source: Source, **fields: Any) -> Source:
        body = SourceUpdate.model_validate(fields)
        async with self.scene.units(self.scene.scope) as unit:
            return await self.service.change(
                unit, self.scene.caller, source.machine_id, source.id, fields_of(body)
            )

    async def waiting(self) -> int:
        return (await self.scene.units.queue.depth(QUEUE)).waiting


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_source_is_looked_at_at_once_until_it_is_off_or_gone(desk: Desk) -> None:
    source = await desk.create()
    assert await desk.waiting() == 1
    assert source.next_look_at == desk.scene.clock.now()
    await desk.change(source, every="PT1H")
    assert await desk.waiting() == 1
    off = await desk.change(source, is_active=False)
    assert (await desk.waiting(), off.next_look_at) == (0, None)
    async with desk.scene.units(desk.scene.scope) as unit:
        with pytest.raises(SourceOff):
            await desk.service.run(unit, desk.scene.caller, source.machine_id, source.id)
        await desk.change(source, is_active=True)
        assert await desk.waiting() == 1
        await desk.service.remove(unit, desk.scene.caller, source.machine_id, source.id)
        with pytest.raises(SourceNotFound):
            await desk.service.get(unit, source.machine_id, source.id)
    assert await desk.waiting() == 0
    actions = [p.action for p in desk.scene.units.outbox.payloads(AUDIT_RECORDED)]
    assert actions == ["source.created", *["source.updated"] * 3, "source.deleted"]


async def test_a_source_belongs_to_its_machine(desk: Desk) -> None:
    source = await desk.create()
    async with desk.scene.units(desk.scene.scope) as unit:
        with pytest.raises(SourceNotFound):
            await desk.service.get(unit, uuid4(), source.id)
        with pytest.raises(SourceNotFound):
            await desk.service.remove(unit, desk.scene.caller, uuid4(), source.id)


async def test_names_are_unique_per_machine(desk: Desk) -> None:
    await desk.create(name="one")
    two = await desk.create(name="two")
    with pytest.raises(SourceNameTaken):
        await desk.create(name="one")
    with pytest.raises(SourceNameTaken):
        await desk.change(two, name="one")
    assert (await desk.change(two, name="two")).name == "two"


@pytest.mark.parametrize(
    ("place", "secret", "same", "other"),
    [
        (SFTP, {"password": "open sesame"}, {"path": "in"}, {"host": "evil.example.com"}),
        (SFTP, {"private_key": "open sesame"}, {"host_key": None}, {"port": 2222}),
        (
            BUCKET,
            {"secret_access_key": "open sesame"},
            {"prefix": "in"},
            {"endpoint": "https://minio.example.com"},
        ),
    ],
)
async def test_a_secret_is_sealed_kept_for_its_place_and_never_sent_elsewhere(
    desk: Desk, place: dict[str, Any], secret: dict[str, str], same: dict[str, Any], other: dict[str, Any]
) -> None:
    with pytest.raises(SecretNeeded):
        await desk.create(place=place)
    source = await desk.create(place=place | secret)
    assert desk.sealer.opened(source.id, source.sealed) == secret
    changed = await desk.change(source, place=place | same)
    assert changed.sealed == source.sealed
    with pytest.raises(SecretNeeded):
        await desk.change(source, place=place | other)
    with pytest.raises(SecretNeeded):
        await desk.change(await desk.change(source, place={"kind": "folder"}), place=place)
    shown = SourceOut.of(source).model_dump_json()
    told = "".join(p.model_dump_json() for p in desk.scene.units.outbox.payloads(AUDIT_RECORDED))
    assert "open sesame" not in shown + told + str(source)


async def test_the_installation_decides_which_places_there_are(desk: Desk) -> None:
    with pytest.raises(PlaceNotAllowed, match="SOURCES_ENDPOINTS"):
        await desk.create(place=BUCKET | {"secret_access_key": "x", "endpoint": "http://127.0.0.1:7070"})
    source = await desk.create(place={"kind": "folder", "path": "line1"})
    async with desk.places.open(source) as opened:
        assert isinstance(opened, FolderPlace)
    desk.scene.settings.sources_folder = ""
    with pytest.raises(PlaceNotAllowed, match="SOURCES_FOLDER"):
        await desk.create(name="other")
    with pytest.raises(PlaceError) as refused:
        async with desk.places.open(source):
            raise AssertionError
    assert refused.value.problem.code == "place-not-allowed"


async def test_a_bucket_is_opened_with_its_secret_and_a_lost_key_is_said(desk: Desk) -> None:
    source = await desk.create(place=BUCKET | {"secret_access_key": "x"})
    async with desk.places.open(source) as opened:
        assert isinstance(opened, BucketPlace)
    other = Places(desk.scene.settings, SecretSealer(Encryptor(KEYS.replace("test", "other"))))
    with pytest.raises(PlaceError) as refused:
        async with other.open(source):
            raise AssertionError
    assert refused.value.problem.code == "secret-lost"


async def test_a_configuration_that_cannot_be_is_refused_with_its_place(desk: Desk) -> None:
    with pytest.raises(Unprocessable) as refused:
        await desk.create(config={"time_zone": "Europe/Atlantis"})
    assert refused.value.errors[0].pointer == "/body/config/time_zone"
    source = await desk.create(config={"time_zone": "Europe/Berlin"})
    assert SourceOut.of(source).config == {"time_zone": "Europe/Berlin"}
    assert (await desk.change(source, config=None)).config == {}


@pytest.mark.parametrize(
    "place",
    [
        {"kind": "folder", "path": "../other"},
        {"kind": "folder", "path": "/etc"},
        {"kind": "bucket", "bucket": "b/../c", "access_key_id": "k"},
        BUCKET | {"region": "x.evil.example/"},
        BUCKET | {"endpoint": "https://minio.example.com@evil.example"},
        SFTP | {"host": "a b"},
        SFTP | {"host_key": "ssh-ed25519 short"},
        SFTP | {"url": "x"},
        {"kind": "ftp"},
    ],
)
def test_places_that_cannot_be_are_refused(place: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PlaceIn).validate_python(place)


@pytest.mark.parametrize(
    ("field", "text"), [("every", "PT1S"), ("every", "PT48H"), ("delay", "PT0.5S"), ("delay", "5 min")]
)
def test_durations_have_bounds(field: str, text: str) -> None:
    with pytest.raises(ValidationError):
        SourceCreate.model_validate({"name": "x", "place": {"kind": "folder"}, field: text})


def test_the_example_is_one() -> None:
    assert SourceCreate.model_validate(EXAMPLE).every == "PT5M"


@pytest.mark.parametrize("seconds", [10, 59, 60, 3599, 3661, 5400, 86_399, 86_400])
def test_a_duration_that_was_read_can_be_sent(seconds: int) -> None:
    text = period_text(seconds * 1_000_000)
    assert TypeAdapter(Every).validate_python(text) == text


@pytest.mark.parametrize("text", ["PT0", "PT", "PT5S", "PT0M", "PT25H", "PT86401S", "P1D", "PT1.5H"])
def test_a_duration_that_cannot_be_is_refused_by_its_pattern(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Every).validate_python(text)
    assert [error["type"] for error in refused.value.errors()] == ["string_pattern_mismatch"]
