"""HTTP models of sources."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.analysis.configs.schemas import ConfigChange
from services.analysis.engine.errors import ConfigError
from services.analysis.engine.times.periods import period, period_text
from services.analysis.sources.domain import FileState, Source, SourceFile
from services.analysis.sources.places.kinds import PlaceIn
from shared.http.fields import SOMETHING_STORABLE, Moment, NotNull

MIN_EVERY, MIN_DELAY = timedelta(seconds=10), timedelta(seconds=1)
# Up to a day, in whole seconds. SECONDS stands for seconds alone.
DURATION = (
    r"^[Pp][Tt](?:24[Hh]"
    r"|(?:[1-9]|1[0-9]|2[0-3])[Hh](?:[1-5]?[0-9][Mm])?(?:[1-5]?[0-9][Ss])?"
    r"|(?:[1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9])[Mm](?:[1-5]?[0-9][Ss])?"
    r"|(?:SECONDS|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)[Ss])$"
)
FROM_TEN_SECONDS, FROM_ONE_SECOND = "[1-9][0-9]{1,3}", "[1-9][0-9]{0,3}"
EXAMPLE: JsonDict = {
    "name": "Logger of pump 3",
    "place": {
        "kind": "sftp",
        "host": "files.example.com",
        "path": "pump3",
        "username": "dinsight",
        "password": "example-only",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKrSTkxVGl9k1yGGh72vqZH3fOkkTtoKkgJnlhd/3pHN",
    },
    "pattern": "*.csv",
    "every": "PT5M",
    "delay": "PT2M",
    "config": {"time_zone": "Europe/Berlin"},
}


def _lasting(least: timedelta) -> AfterValidator:
    def checked(text: str) -> str:
        try:
            micros = period(text, "It")
        except ConfigError as error:
            raise PydanticCustomError("duration", "{said}", {"said": str(error)}) from None
        if timedelta(microseconds=micros) < least:
            raise PydanticCustomError("too_short", "must be at least {least} s", {"least": least.seconds})
        return text

    return AfterValidator(checked)


def _written(seconds: str) -> StringConstraints:
    return StringConstraints(max_length=20, pattern=DURATION.replace("SECONDS", seconds))


Every = Annotated[str, _written(FROM_TEN_SECONDS), _lasting(MIN_EVERY)]
Delay = Annotated[str, _written(FROM_ONE_SECOND), _lasting(MIN_DELAY)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00\r\n]+$")]

PLACE = "Where files come from. Secrets are write-only"
PATTERN = (
    "Which files: `*.csv` for names in any folder, `line1/*.csv` or `**/raw/*.csv` for paths in the place"
)
EVERY = "How often the place is looked at: an ISO 8601 duration from PT10S to PT24H"
DELAY = (
    "How long a file must stay unchanged before it is taken, so that files still being written are not taken"
    " too early"
)
SINCE = "Files last modified before this time are ignored"
TAKE_CHANGED = (
    "Whether a file that changes after it was taken is taken again, as a new analysis. By default it is only"
    " shown with `changed_at`, so that no sample counts twice"
)
CONFIG = "How files are read and judged: what POST /file-previews proposes, for example"


class SourceCreate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    name: Name
    place: PlaceIn = Field(description=PLACE)
    pattern: Pattern = Field("*", description=PATTERN)
    every: Every = Field("PT5M", description=EVERY)
    delay: Delay = Field("PT1M", description=DELAY)
    since: Moment | None = Field(None, description=SINCE)
    take_changed: bool = Field(False, description=TAKE_CHANGED)
    config: ConfigChange | None = Field(None, description=CONFIG)
    is_active: bool = True


class SourceUpdate(BaseModel):
    """Only the fields that are sent change. A `place` is replaced as a whole, but keeps its secret."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"every": "PT15M"}]})

    name: Annotated[Name | None, NotNull()] = None
    place: Annotated[PlaceIn | None, NotNull()] = Field(None, description=PLACE)
    pattern: Annotated[Pattern | None, NotNull()] = Field(None, description=PATTERN)
    every: Annotated[Every | None, NotNull()] = Field(None, description=EVERY)
    delay: Annotated[Delay | None, NotNull()] = Field(None, description=DELAY)
    since: Moment | None = Field(None, description=SINCE)
    take_changed: Annotated[bool | None, NotNull()] = Field(None, description=TAKE_CHANGED)
    config: ConfigChange | None = Field(None, description=CONFIG)
    is_active: Annotated[bool | None, NotNull()] = None


def fields_of(body: SourceCreate | SourceUpdate) -> dict[str, Any]:
    """What is to be stored: everything of a new source, and what was sent to change one."""
    names = body.model_fields_set if isinstance(body, SourceUpdate) else type(body).model_fields
    fields = {name: getattr(body, name) for name in names}
    for name in fields.keys() & {"every", "delay"}:
        fields[name] = timedelta(microseconds=period(fields[name], name))
    if body.config is not None:
        fields["config"] = body.config.changes()
    return fields


class ProblemOut(BaseModel):
    """Why files do not come: a stable `code` with its `params`, and the same in English as `text`."""

    code: str
    params: dict[str, Any]
    text: str
    since: datetime


class SourceOut(BaseModel):
    """`problem` is null if the last look was in order. `files` counts the files by their state."""

    id: UUID
    machine_id: UUID
    name: str
    is_active: bool
    place: dict[str, Any] = Field(description="Where files come from, without secrets")
    has_secret: bool
    pattern: str
    every: str
    delay: str
    since: datetime | None
    take_changed: bool
    config: dict[str, Any]
    problem: ProblemOut | None
    files: dict[FileState, int]
    looked_at: datetime | None
    next_look_at: datetime | None
    taken_at: datetime | None = Field(description="When a file was last taken")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: Source) -> "SourceOut":
        same = set(cls.model_fields) - {"has_secret", "every", "delay", "files", "problem", "place", "config"}
        return cls(
            **{name: getattr(source, name) for name in same},
            place=dict(source.place),
            config={} if source.changes is None else source.changes.sent,
            problem=None if source.problem is None else ProblemOut.model_validate(source.problem),
            has_secret=source.sealed is not None,
            every=period_text(round(source.every / timedelta(microseconds=1))),
            delay=period_text(round(source.delay / timedelta(microseconds=1))),
            files={state: source.counts.get(state, 0) for state in FileState},
        )


class FileProblemOut(BaseModel):
    code: str
    params: dict[str, Any]
    text: str


class SourceFileOut(BaseModel):
    """A file of a source. Its analysis says what was read of it."""

    id: UUID
    path: str
    size: int
    modified_at: datetime = Field(description="By the clock of the place")
    state: FileState
    seen_at: datetime
    same_since: datetime = Field(description="Since when size and version have been the same")
    taken_at: datetime | None
    analysis_id: UUID | None = Field(description="Null if it waits, or if its analysis was deleted")
    problem: FileProblemOut | None
    changed_at: datetime | None = Field(description="When it was seen to have changed after it was taken")
    gone_since: datetime | None

    @classmethod
    def of(cls, file: SourceFile) -> "SourceFileOut":
        return cls.model_validate(file, from_attributes=True)
