"""A repository and uploads in an object store that speaks S3: `DINSIGHT_TEST_S3_URL=s3://bucket`.

Credentials and the endpoint are in DINSIGHT_BACKUP_AWS_ACCESS_KEY_ID and the like; the bucket exists.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from uuid import uuid4

import obstore
import pytest
from obstore.store import MemoryStore

from dinsight.backup.errors import BackupError, Damaged, Missing
from dinsight.backup.objects import ObjectCopies, StoredFile, choose_files, put_back
from dinsight.backup.repository import PART_BYTES, Repository, clusters, open_store
from dinsight.backup.sealed import Sealer
from services.analysis.objects.frames import compressed
from services.analysis.objects.store import Storage
from tests.unit.backup.examples import KEY, NOW

URL = os.environ.get("DINSIGHT_TEST_S3_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="DINSIGHT_TEST_S3_URL names no bucket")
# Several parts, the last one a small one, of what no compression makes smaller.
LARGE = b"".join(
    hashlib.sha256(number.to_bytes(4)).digest() for number in range((2 * PART_BYTES + 1000) // 32)
)


@pytest.fixture
def bucket() -> str:
    return f"{URL}/{uuid4().hex}"


@pytest.fixture
def repository(bucket: str) -> Repository:
    return Repository(open_store(bucket, os.environ), bucket, "7000", Sealer(f"k1:{KEY}"))


def test_files_come_back_are_listed_and_are_deleted(bucket: str, repository: Repository) -> None:
    repository.put("position", b"here")
    size = repository.write("backups/1/base", [LARGE[:1000], LARGE[1000:]])
    assert b"".join(repository.read("backups/1/base")) == LARGE
    assert repository.get("position") == b"here"
    assert repository.list("backups") == {"backups/1/base": size}
    assert clusters(open_store(bucket, os.environ), bucket) == ["7000"]
    repository.delete(["backups/1/base", "backups/1/base", "never"])
    assert repository.list("backups") == {}
    with pytest.raises(Missing):
        repository.get("backups/1/base")


def test_a_file_that_was_not_finished_is_not_there(repository: Repository) -> None:
    def interrupted() -> list[bytes]:
        raise OSError("the disk is gone")

    def pieces() -> object:
        yield LARGE
        interrupted()

    with pytest.raises((BackupError, OSError)):
        repository.write("wal/1", pieces())  # type: ignore[arg-type]  # an iterator that fails
    assert repository.list("wal") == {}


def test_a_damaged_file_is_found(bucket: str, repository: Repository) -> None:
    repository.put("wal/1", LARGE[:5000])
    store = open_store(bucket, os.environ)
    content = bytearray(bytes(obstore.get(store, "7000/wal/1").bytes()))
    content[len(content) // 2] ^= 1
    obstore.put(store, "7000/wal/1", bytes(content))
    with pytest.raises(Damaged):
        repository.get("wal/1")


def test_copies_of_the_store_are_restored(bucket: str, repository: Repository) -> None:
    source = open_store(f"{bucket}-source", os.environ)
    obstore.put(source, "uploads/1/0000.zst", LARGE)
    present = ObjectCopies(source, repository).copy_new()
    assert ObjectCopies(source, repository).copy_new() == present
    [file] = choose_files(present, list(repository.list("objects")), NOW, None)
    assert file == StoredFile.of("uploads/1/0000.zst", file.modified)
    restored = MemoryStore()
    put_back(repository, file, restored)
    assert bytes(obstore.get(restored, file.key).bytes()) == LARGE


async def test_uploads_in_frames_are_read_anywhere(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in os.environ.items():
        if name.startswith("DINSIGHT_BACKUP_AWS_"):
            monkeypatch.setenv(name.removeprefix("DINSIGHT_BACKUP_"), value)
    storage = Storage.at(bucket)

    async def chunks() -> AsyncIterator[bytes]:
        for first in range(0, len(LARGE), 100_000):
            yield LARGE[first : first + 100_000]

    await storage.put_stream("uploads/1/0000.zst", compressed(chunks()))
    with storage.open("uploads/1/0000.zst", lambda _: None) as file:
        file.seek(-100, 2)
        assert file.read() == LARGE[-100:]
        file.seek(0)
        assert file.read() == LARGE
    assert (await storage.measure("uploads/1/"))[0] == 1
    await storage.delete_all("uploads/1/")
    assert await storage.list("uploads") == []
