"""Folders: what is listed and read, and that nothing leads out of them."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from services.analysis.sources.places.base import MAX_DEPTH, Place, PlaceError
from services.analysis.sources.places.calls import Calls
from services.analysis.sources.places.folder import FolderPlace, mount_point
from tests.support.waiting import eventually

SOON = 0.1
# Waited for in vain only if something is wrong.
PATIENCE = 60.0


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
    place = FolderPlace(root, "line1", Calls())
    listed = {entry.path: entry for entry in await place.entries()}
    assert {path: entry.size for path, entry in listed.items()} == {"a.csv": 3, "deep/b.csv": 3_000_000}
    assert await place.find("deep/b.csv") == listed["deep/b.csv"]
    assert await content(place, "a.csv") == b"123"
    assert await content(place, "deep/b.csv") == b"4" * 3_000_000
    assert await place.find("gone.csv") is None


async def test_a_rewritten_file_has_another_version(root: Path) -> None:
    place = FolderPlace(root, "line1", Calls())
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
    place = FolderPlace(root, "line1", Calls())
    assert {entry.path for entry in await place.entries()} == {"a.csv", "deep/b.csv"}
    for path in ("link.csv", "linked/secret.csv", "pipe.csv"):
        with pytest.raises(PlaceError) as refused:
            await content(place, path)
        assert refused.value.problem.code in ("file-unreadable", "folder-missing")


@pytest.mark.parametrize("path", ["missing", "linked", "line1/a.csv"])
async def test_a_folder_that_is_none_is_named(root: Path, path: str) -> None:
    (root / "linked").symlink_to(root.parent)
    with pytest.raises(PlaceError, match=f"'{path}' cannot be read") as refused:
        await FolderPlace(root, path, Calls()).entries()
    assert refused.value.problem.code == "folder-missing"


async def test_folders_are_followed_to_a_depth(root: Path) -> None:
    deep = root.joinpath("line1", *("d" for _ in range(MAX_DEPTH + 1)))
    deep.mkdir(parents=True)
    (deep / "x.csv").write_bytes(b"1")
    (deep.parent / "y.csv").write_bytes(b"1")
    names = {entry.path.rpartition("/")[2] for entry in await FolderPlace(root, "line1", Calls()).entries()}
    assert names == {"a.csv", "b.csv", "y.csv"}


class AwayPlace(FolderPlace):
    """On a share that is away until somebody writes into `pipe`: its list, or the file `stuck`, waits."""

    pipe: Path
    stuck: str | None = None

    def _walk(self, *args: Any) -> None:
        if self.stuck is None:
            self.pipe.read_bytes()
        super()._walk(*args)

    def _block(self, path: str, *args: Any) -> bytes:
        if path == self.stuck:
            self.pipe.read_bytes()
        return super()._block(path, *args)


def mounted(root: Path, *shares: str) -> Path:
    """What the kernel says if these folders are shares."""
    lines = ["22 1 0:20 / / rw - ext4 /dev/sda rw"]
    for share in shares:
        point = str(root / share).replace(" ", r"\040")
        lines.append(f"23 22 0:47 / {point} rw,relatime shared:1 - nfs4 plant:/export rw")
    listed = root.parent / "mountinfo"
    listed.write_text("\n".join(lines) + "\n")
    return listed


def away(root: Path, path: str, calls: Calls, mounts: Path, *, stuck: str | None = None) -> AwayPlace:
    place = AwayPlace(root, path, calls, silence=SOON, mounts=mounts)
    place.pipe, place.stuck = root.parent / "pipe", stuck
    if not place.pipe.exists():
        os.mkfifo(place.pipe)
    return place


async def test_a_share_that_is_away_holds_up_no_other_and_is_read_once_it_answers(root: Path) -> None:
    (root / "line1" / "a").mkdir()
    (root / "line2").mkdir()
    calls, mounts = Calls(), mounted(root, "line1")
    place = away(root, "line1/a", calls, mounts)
    with pytest.raises(PlaceError, match="does not answer") as refused:
        await place.entries()
    assert (refused.value.problem.code, refused.value.problem.params) == (
        "folder-silent",
        {"folder": "line1/a"},
    )
    # Others on the share are not waited for again, and those that are not there are read.
    with pytest.raises(PlaceError) as refused:
        await FolderPlace(root, "line1/deep", calls, silence=PATIENCE, mounts=mounts).entries()
    assert refused.value.problem.code == "folder-silent"
    assert await FolderPlace(root, "line2", calls, silence=PATIENCE, mounts=mounts).entries() == []
    await asyncio.to_thread(place.pipe.write_bytes, b"back")

    async def listed() -> list[str]:
        try:
            found = await FolderPlace(root, "line1/deep", calls, silence=PATIENCE, mounts=mounts).entries()
        except PlaceError:
            return []
        return [entry.path for entry in found]

    assert await eventually(listed, what="the share to be read again") == ["b.csv"]


async def test_a_file_that_hangs_holds_up_its_folder_once(root: Path) -> None:
    calls = Calls()
    place = away(root, "line1", calls, mounted(root), stuck="a.csv")
    with pytest.raises(PlaceError) as refused:
        await content(place, "a.csv")
    assert refused.value.problem.code == "folder-silent"
    with pytest.raises(PlaceError) as refused:
        await content(place, "a.csv")
    assert (refused.value.problem.code, refused.value.problem.params) == (
        "file-unreadable",
        {"file": "a.csv"},
    )
    assert len(await content(place, "deep/b.csv")) == 3_000_000
    await asyncio.to_thread(place.pipe.write_bytes, b"back")


def test_the_mount_point_of_a_path_is_the_innermost_one(root: Path) -> None:
    mounts = mounted(root, "line 1", "line 1/deep", "line")
    assert mount_point(root / "line 1" / "a", mounts) == str(root / "line 1")
    assert mount_point(root / "line 1" / "deep" / "b", mounts) == str(root / "line 1" / "deep")
    assert mount_point(root / "line1", mounts) == "/"
    assert mount_point(root / "x" / ".." / "line", mounts) == str(root / "line")
    assert mount_point(root / "line", root / "no list") == str(root / "line")


async def test_errors_of_the_file_system_are_told_as_such(root: Path) -> None:
    class Broken(FolderPlace):
        def _walk(self, *_: Any) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(PlaceError, match="Input/output error") as refused:
        await Broken(root, "line1", Calls()).entries()
    assert refused.value.problem.code == "folder-missing"
    with pytest.raises(PlaceError, match="too long") as refused:
        await FolderPlace(root, "line1", Calls()).find("x" * 300)
    assert refused.value.problem.code == "file-unreadable"
