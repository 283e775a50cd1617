"""Copies of the object store: names say which version of a file it is, and nothing about what it contains."""

import hashlib

import obstore
from obstore.store import MemoryStore

from dinsight.backup.objects import ObjectCopies, StoredFile, choose_files, put_back
from tests.unit.backup.examples import NOW, a_repository

CONTENT = b"load,f_0\nlow,1\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_no_name_in_the_repository_depends_on_the_content() -> None:
    names = []
    for content in (CONTENT, CONTENT * 2):
        store, repository = MemoryStore(), a_repository()
        obstore.put(store, "uploads/1/0000", content)
        [name] = ObjectCopies(store, repository).copy_new()
        file = StoredFile.named(name)
        assert (file, file.key) == (StoredFile.of(file.key, file.modified), "uploads/1/0000")
        names.append(name)
    assert [name.rpartition("@")[0] for name in names] == ["objects/uploads/1/0000"] * 2
    assert not any(DIGEST[:8] in name for name in names)


def test_a_file_is_copied_once() -> None:
    store, repository = MemoryStore(), a_repository()
    obstore.put(store, "models/a@b", CONTENT)
    first = ObjectCopies(store, repository).copy_new()
    assert first == ObjectCopies(store, repository).copy_new()
    assert list(repository.list("objects")) == list(first)


def test_a_copy_whose_name_tells_the_digest_is_restored_and_replaced() -> None:
    store, repository = MemoryStore(), a_repository()
    obstore.put(store, "uploads/1/0000", CONTENT)
    modified = obstore.head(store, "uploads/1/0000")["last_modified"]
    former = f"{StoredFile.of('uploads/1/0000', modified).name}@{DIGEST}"
    repository.write(former, [CONTENT])
    [file] = choose_files({former: len(CONTENT)}, [former], NOW, None)
    restored = MemoryStore()
    put_back(repository, file, restored)
    assert bytes(obstore.get(restored, file.key).bytes()) == CONTENT
    present = ObjectCopies(store, repository).copy_new()
    assert present == {StoredFile.of("uploads/1/0000", modified).name: len(CONTENT)}
