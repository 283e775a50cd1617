"""Sources of a machine's files, and what a look at one makes of the files that are there. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from services.analysis.configs.domain import ConfigChanges
from shared.clock import IdGenerator

QUEUE = "sources"
LOOK = "look"
# A listing that is empty for once (a share that is not mounted) must not make old files new again.
FORGET_AFTER = timedelta(days=30)
# PostgreSQL indexes texts of up to some 2,700 bytes.
MAX_PATH_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that a place lists. `path` is relative, with slashes; other content has another `version`."""

    path: str
    size: int
    version: str
    modified_at: datetime


class FileState(StrEnum):
    """A `waiting` file may still grow. A `failed` one was refused, until it changes or somebody asks."""

    WAITING = "waiting"
    TAKEN = "taken"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why files do not come: a stable `code` with its `params`, and the same in English."""

    code: str
    text: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        return {"code": self.code, "params": dict(self.params), "text": self.text}


@dataclass(frozen=True, slots=True)
class Source:
    """A place that is watched for files of a machine.

    `place` says where, without secrets, which are in `sealed`. `config` is empty, or what changes in the
    baseline's configuration: `parameters` and `reading`. `applied` says which configuration (`config`) was
    made of it for which one of a baseline (`base`).
    `problem` is None, or why the last look failed, with the moment `since` when it began.
    """

    id: UUID
    organization_id: UUID
    machine_id: UUID
    name: str
    is_active: bool
    place: Mapping[str, Any]
    sealed: str | None
    pattern: str
    every: timedelta
    delay: timedelta
    since: datetime | None
    take_changed: bool
    config: Mapping[str, Any]
    applied: Mapping[str, int] | None
    problem: Mapping[str, Any] | None
    counts: Mapping[str, int]
    looked_at: datetime | None
    next_look_at: datetime | None
    taken_at: datetime | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @property
    def changes(self) -> ConfigChanges | None:
        return ConfigChanges(**self.config) if self.config else None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `same_since`: since when it has had this size and version.

    `changed_at`: when it was seen to be another one than the one that was taken. `gone_since`: since when it
    has not been listed. A taken file without `analysis_id` belonged to an analysis that was deleted.
    """

    id: UUID
    organization_id: UUID
    source_id: UUID
    path: str
    size: int
    version: str
    modified_at: datetime
    state: FileState
    seen_at: datetime
    same_since: datetime
    taken_at: datetime | None = None
    analysis_id: UUID | None = None
    problem: Mapping[str, Any] | None = None
    changed_at: datetime | None = None
    gone_since: datetime | None = None

    def is_like(self, entry: Entry) -> bool:
        return (self.size, self.version) == (entry.size, entry.version)

    def was_handled_as(self, entry: Entry) -> bool:
        """Whether the entry is what was taken or refused, even if its version is another one.

        A share that is mounted again, or a folder that is restored, may number all its inodes anew.
        """
        is_same = (self.size, self.modified_at) == (entry.size, entry.modified_at)
        return is_same and self.state is not FileState.WAITING

    def renewed(self, entry: Entry, now: datetime) -> "SourceFile":
        """The same path with other content, which waits to be taken."""
        return replace(
            self,
            size=entry.size,
            version=entry.version,
            modified_at=entry.modified_at,
            state=FileState.WAITING,
            same_since=now,
            problem=None,
            changed_at=None,
            gone_since=None,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found: rows to write and to forget, and the files to be taken now, oldest first.

    Files that could not be read before come last: they may never be readable. `settles_at` is when the first
    of the files that still wait can be taken, if nothing changes it.
    """

    changed: Sequence[SourceFile]
    forgotten: Sequence[UUID]
    ready: Sequence[SourceFile]
    settles_at: datetime | None


def look(
    source: Source, known: Sequence[SourceFile], listed: Sequence[Entry], now: datetime, new_id: IdGenerator
) -> Look:
    """Compare what a place lists with what is known of it.

    A file is ready once it has been the same for the source's delay, as seen from here: clocks of servers
    may be wrong. An empty file is one that somebody is about to write.
    """
    by_path = {file.path: file for file in known}
    changed: list[SourceFile] = []
    ready: list[SourceFile] = []
    settling: list[datetime] = []
    for entry in listed:
        before = by_path.pop(entry.path, None)
        file = _new(source, entry, now, new_id()) if before is None else _seen(source, before, entry, now)
        if file != before:
            changed.append(file)
        if file.state is FileState.WAITING and file.size:
            settled = file.same_since + source.delay
            if settled <= now:
                ready.append(file)
            else:
                settling.append(settled)
    forgotten = []
    for file in by_path.values():
        if file.state is not FileState.TAKEN or (file.gone_since and file.gone_since + FORGET_AFTER <= now):
            forgotten.append(file.id)
        elif file.gone_since is None:
            changed.append(replace(file, gone_since=now))
    ready.sort(key=lambda file: (file.problem is not None, file.modified_at, file.path))
    return Look(changed, forgotten, ready, min(settling, default=None))


def _new(source: Source, entry: Entry, now: datetime, file_id: UUID) -> SourceFile:
    return SourceFile(
        id=file_id,
        organization_id=source.organization_id,
        source_id=source.id,
        path=entry.path,
        size=entry.size,
        version=entry.version,
        modified_at=entry.modified_at,
        state=FileState.WAITING,
        seen_at=now,
        same_since=now,
    )


def _seen(source: Source, file: SourceFile, entry: Entry, now: datetime) -> SourceFile:
    if file.is_like(entry) or file.was_handled_as(entry):
        return replace(file, version=entry.version, gone_since=None, changed_at=None)
    # A file that was gone in between is another one under the same name.
    if file.state is not FileState.TAKEN or source.take_changed or file.gone_since is not None:
        return file.renewed(entry, now)
    return replace(file, changed_at=file.changed_at or now)


def wanted(source: Source, entry: Entry) -> bool:
    """Whether a listed file is one of the source."""
    parts = entry.path.split("/")
    if any(part.startswith(".") for part in parts) or len(entry.path.encode()) > MAX_PATH_BYTES:
        return False
    return (source.since is None or entry.modified_at >= source.since) and matches(source.pattern, entry.path)


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches: `*.csv` the name in any folder, `line1/*.csv` and `**/raw/*` the whole path."""
    if "/" not in pattern:
        return fnmatchcase(path.rpartition("/")[2], pattern)
    return _match(pattern.strip("/").split("/"), path.split("/"))


def _match(pattern: Sequence[str], path: Sequence[str]) -> bool:
    # Which beginnings of the path the pattern so far matches: no backtracking, so no pattern is slow.
    reached = {0}
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached, default=len(path) + 1), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and fnmatchcase(path[at], part)}
    return len(path) in reached
