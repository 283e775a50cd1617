"""What a look makes of the files that are there."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.analysis.sources.domain import (
    FORGET_AFTER,
    Entry,
    FileState,
    Look,
    Source,
    SourceFile,
    look,
    matches,
    wanted,
)
from tests.unit.analysis.sources.examples import MINUTE, NOW, a_source, an_entry


class Watched:
    """A place that is looked at again and again; files that are ready are taken."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.known: dict[str, SourceFile] = {}
        self.now = NOW

    def after(self, passed: timedelta, *listed: Entry) -> list[str]:
        """The paths that are taken by the next look."""
        self.now += passed
        found = self.look(*listed)
        self.known |= {file.path: file for file in found.changed}
        self.known = {path: file for path, file in self.known.items() if file.id not in found.forgotten}
        for file in found.ready:
            self.known[file.path] = replace(file, state=FileState.TAKEN, taken_at=self.now)
        return [file.path for file in found.ready]

    def look(self, *listed: Entry) -> Look:
        return look(self.source, list(self.known.values()), listed, self.now, uuid4)


def test_a_file_is_taken_once_when_it_has_been_the_same_for_the_delay() -> None:
    watched = Watched(a_source())
    assert watched.after(MINUTE, an_entry(size=1)) == []
    assert watched.after(MINUTE, an_entry(size=2, version="2")) == []
    assert watched.look(an_entry(size=2, version="2")).settles_at == watched.now + MINUTE
    assert watched.after(MINUTE / 2, an_entry(size=2, version="2")) == []
    assert watched.after(MINUTE / 2, an_entry(size=2, version="2")) == ["a.csv"]
    for _ in range(3):
        assert watched.after(60 * MINUTE, an_entry(size=2, version="2")) == []


def test_the_same_size_with_another_version_is_a_change() -> None:
    watched = Watched(a_source())
    watched.after(MINUTE, an_entry(version="1"))
    assert watched.after(MINUTE, an_entry(version="2")) == []


def test_an_empty_file_is_waited_for() -> None:
    watched = Watched(a_source())
    for _ in range(3):
        assert watched.after(5 * MINUTE, an_entry(size=0)) == []


def test_files_are_taken_in_the_order_in_which_they_were_written() -> None:
    watched = Watched(a_source())
    entries = [an_entry(f"{n}.csv", modified_at=NOW - n * MINUTE) for n in range(3)]
    watched.after(MINUTE, *entries)
    assert watched.after(MINUTE, *entries) == ["2.csv", "1.csv", "0.csv"]


def test_a_change_after_the_taking_is_shown_and_not_taken() -> None:
    watched = Watched(a_source())
    watched.after(MINUTE, an_entry())
    watched.after(MINUTE, an_entry())
    assert watched.after(MINUTE, an_entry(size=20, version="2")) == []
    assert watched.known["a.csv"].changed_at == watched.now
    assert watched.after(5 * MINUTE, an_entry(size=20, version="2")) == []
    assert watched.known["a.csv"].changed_at == watched.now - 5 * MINUTE


def test_a_change_after_the_taking_is_taken_if_the_source_says_so() -> None:
    watched = Watched(a_source(take_changed=True))
    watched.after(MINUTE, an_entry())
    assert watched.after(MINUTE, an_entry()) == ["a.csv"]
    changed = an_entry(version="2", modified_at=NOW + MINUTE)
    assert watched.after(MINUTE, changed) == []
    assert watched.after(MINUTE, changed) == ["a.csv"]


def test_a_file_that_comes_back_is_new_only_with_other_content() -> None:
    watched = Watched(a_source())
    watched.after(MINUTE, an_entry())
    assert watched.after(MINUTE, an_entry()) == ["a.csv"]
    watched.after(MINUTE)
    assert watched.after(MINUTE, an_entry()) == []
    assert watched.known["a.csv"].gone_since is None
    assert watched.after(MINUTE, an_entry()) == []
    watched.after(MINUTE)
    other = an_entry(version="2", modified_at=NOW + MINUTE)
    watched.after(MINUTE, other)
    assert watched.after(MINUTE, other) == ["a.csv"]


@pytest.mark.parametrize("state", [FileState.TAKEN, FileState.FAILED])
@pytest.mark.parametrize("mounted_anew", [False, True])
def test_a_share_that_numbers_its_files_anew_makes_nothing_new(state: FileState, mounted_anew: bool) -> None:
    """Whether a look came while it was away or not. A refused file is forgotten while it is away."""
    watched = Watched(a_source(take_changed=True))
    watched.after(MINUTE, an_entry(version="5-1"))
    assert watched.after(MINUTE, an_entry(version="5-1")) == ["a.csv"]
    watched.known["a.csv"] = replace(watched.known["a.csv"], state=state)
    if mounted_anew and state is FileState.TAKEN:
        watched.after(MINUTE)
    for _ in range(3):
        assert watched.after(MINUTE, an_entry(version="5-2")) == []
    file = watched.known["a.csv"]
    assert (file.state, file.version, file.changed_at, file.gone_since) == (state, "5-2", None, None)


def test_files_that_could_not_be_read_are_tried_after_all_others() -> None:
    watched = Watched(a_source())
    entries = [an_entry(f"{n}.csv", modified_at=NOW + n * MINUTE) for n in range(3)]
    watched.after(MINUTE, *entries)
    watched.known["0.csv"] = replace(watched.known["0.csv"], problem={"code": "file-unreadable"})
    assert watched.after(MINUTE, *entries) == ["1.csv", "2.csv", "0.csv"]


def test_a_taken_file_is_forgotten_long_after_it_has_gone() -> None:
    watched = Watched(a_source())
    watched.after(MINUTE, an_entry())
    watched.after(MINUTE, an_entry())
    watched.after(MINUTE)
    watched.after(FORGET_AFTER - MINUTE)
    assert "a.csv" in watched.known
    watched.after(MINUTE)
    assert watched.known == {}


def test_a_waiting_file_that_goes_is_forgotten_at_once() -> None:
    watched = Watched(a_source())
    watched.after(MINUTE, an_entry())
    watched.after(MINUTE)
    assert watched.known == {}


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "deep/er/a.csv", True),
        ("*.csv", "a.csv.part", False),
        ("pump[0-9].csv", "pump3.csv", True),
        ("line1/*.csv", "line1/a.csv", True),
        ("line1/*.csv", "line1/raw/a.csv", False),
        ("line1/*.csv", "other/line1/a.csv", False),
        ("**/raw/*", "raw/a.csv", True),
        ("**/raw/*", "x/y/raw/a.csv", True),
        ("**/raw/*", "x/y/raw/z/a.csv", False),
        ("line1/**", "line1/x/y/a.csv", True),
        ("line1/**", "line2/a.csv", False),
        ("**/*a*/**/*.csv", "x/bab/c/d.csv", True),
        ("nowhere/**/x", "x", False),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (an_entry(), True),
        (an_entry(".hidden.csv"), False),
        (an_entry(".cache/a.csv"), False),
        (an_entry("a.txt"), False),
        (an_entry("ü" * 600 + ".csv"), False),
        (an_entry(modified_at=NOW - MINUTE), False),
    ],
)
def test_which_files_are_those_of_a_source(entry: Entry, expected: bool) -> None:
    assert wanted(a_source(since=NOW), entry) is expected
