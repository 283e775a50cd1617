"""Folders: what is listed and read, and that nothing leads out of them."""

import os
from pathlib import Path

import pytest

from services.analysis.sources.places.base import MAX_DEPTH, Place, PlaceError
from services.analysis.sources.places.folder import FolderPlace


async def content(place: Place, path: str) -> bytes:
    return b"".join([block async for block in place.read(path)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "org" / "line1" / "deep").mkdir(parents=True)
    (tmp_path / "secret.csv").write_bytes(b"of somebody else")
    (tmp_path / "org" / "line1" / "a.csv").write_bytes(b"123")
    (tmp_path / "org" / "line1" / "deep" / "b.csv").write_bytes(b"4" * 3_000_000)
    return tmp_path / "org"


async def test_files_are_listed_with_their_folders_and_read(root: Path) -> None:
    place = FolderPlace(root, "line1")
    listed = {entry.path: entry for entry in await place.entries()}
    assert {path: entry.size for path, entry in listed.items()} == {"a.csv": 3, "deep/b.csv": 3_000_000}
    assert await place.find("deep/b.csv") == listed["deep/b.csv"]
    assert await content(place, "a.csv") == b"123"
    assert await content(place, "deep/b.csv") == b"4" * 3_000_000
    assert await place.find("gone.csv") is None


async def test_a_rewritten_file_has_another_version(root: Path) -> None:
    place = FolderPlace(root, "line1")
    before = await place.find("a.csv")
    fresh = root / "line1" / "a.new"
    fresh.write_bytes(b"456")
    os.utime(fresh, ns=(0, (root / "line1" / "a.csv").stat().st_mtime_ns))
    fresh.rename(root / "line1" / "a.csv")
    after = await place.find("a.csv")
    assert before is not None
    assert after is not None
    assert before.size == after.size
    assert before.version != after.version


async def test_links_pipes_and_hidden_files_are_not_files(root: Path) -> None:
    folder = root / "line1"
    (folder / "link.csv").symlink_to(root.parent / "secret.csv")
    (folder / "linked").symlink_to(root.parent)
    os.mkfifo(folder / "pipe.csv")
    (folder / ".hidden.csv").write_bytes(b"1")
    place = FolderPlace(root, "line1")
    assert {entry.path for entry in await place.entries()} == {"a.csv", "deep/b.csv"}
    for path in ("link.csv", "linked/secret.csv", "pipe.csv"):
        with pytest.raises(PlaceError) as refused:
            await content(place, path)
        assert refused.value.problem.code in ("file-unreadable", "folder-missing")


@pytest.mark.parametrize("path", ["missing", "linked", "line1/a.csv"])
async def test_a_folder_that_is_none_is_named(root: Path, path: str) -> None:
    (root / "linked").symlink_to(root.parent)
    with pytest.raises(PlaceError, match=f"'{path}' cannot be read") as refused:
        await FolderPlace(root, path).entries()
    assert refused.value.problem.code == "folder-missing"


async def test_folders_are_followed_to_a_depth(root: Path) -> None:
    deep = root.joinpath("line1", *("d" for _ in range(MAX_DEPTH + 1)))
    deep.mkdir(parents=True)
    (deep / "x.csv").write_bytes(b"1")
    (deep.parent / "y.csv").write_bytes(b"1")
    names = {entry.path.rpartition("/")[2] for entry in await FolderPlace(root, "line1").entries()}
    assert names == {"a.csv", "b.csv", "y.csv"}
