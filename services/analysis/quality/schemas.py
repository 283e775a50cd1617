"""HTTP models of data quality."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Remark(BaseModel):
    """Something to know, with a stable code and its parameters for other languages."""

    code: str
    params: dict[str, Any]
    text: str


class Understood(BaseModel):
    """How a table was read; what its form does not have is null."""

    model_config = ConfigDict(extra="allow")

    form: str = Field(description="csv, parquet or excel")
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header_line: int | None = Field(None, description="The line of the column names, from 1")
    preamble: list[str] = Field((), description="The lines before the header", validate_default=True)
    units: list[str] = Field((), description="The row of units, one per column", validate_default=True)


class LeftOut(BaseModel):
    file: str
    row: int | None
    code: str
    params: dict[str, Any] = {}
    message: str


class FileQuality(BaseModel):
    name: str
    understood: Understood
    left_out: list[LeftOut]


class RowQuality(BaseModel):
    read: int
    off: int = Field(description="Samples for which off_when is true: they neither train nor alarm")
    off_unknown: int = Field(description="Samples for which off_when is unknown, because a value is missing")
    off_rows: list[int] = Field(description="The first of the rows that are off")
    labelled: int
    left_out: int


class TimeExample(BaseModel):
    row: int
    cell: str


class Gap(BaseModel):
    from_: str = Field(alias="from")
    to: str
    seconds: float


class TimeQuality(BaseModel):
    """What the times say. Without a column of times, only `columns`, `format` and `problems` are there."""

    columns: list[str] = Field(description="The column of the times; or of the date and the time of day")
    format: str | None = Field(description="How they are written; null if they were not read")
    order: str | None = Field(
        None,
        description=(
            "How the order of day and month was decided: written (there is no other), days_above_12,"
            " continuity,"
            " dots, configured, or baseline"
        ),
    )
    zone: str | None = Field(None, description="The zone of times that state none")
    zone_from: str | None = Field(None, description="setting or default")
    read: int = 0
    empty: int = 0
    unreadable: int = 0
    examples: list[TimeExample] = Field((), validate_default=True)
    first: str | None = None
    last: str | None = None
    interval_seconds: float | None = Field(None, description="The usual step between samples")
    even: bool = Field(False, description="Whether nearly all steps are the usual one")
    gaps: int = 0
    longest_gaps: list[Gap] = Field((), validate_default=True)
    duplicates: int = 0
    backwards: int = Field(0, description="How often times step back")
    first_backwards_row: int | None = None
    repeated_hour: int = Field(0, description="Times in an hour that occurs twice in autumn")
    repeated_hour_by_order: int = Field(
        0,
        description="How many of these were assigned to the second occurrence of that hour, because the times"
        " step back",
    )
    skipped_hour: int = Field(0, description="Times in an hour that does not exist in spring")
    problems: list[Remark]


class SensorQuality(BaseModel):
    name: str
    role: str = Field(description="judged, context or ignored")
    why: Remark | None = Field(description="Why it is not simply judged")
    present: int
    missing: int
    status_words: dict[str, int] = Field(description="What stood for missing values, and how often")
    low: float | None
    high: float | None
    mean: float | None
    deviation: float | None
    constant: bool
    longest_run: int = Field(description="The longest run of one value, in samples")
    final_run: int = Field(description="The run of one value in which the data end")
    resolution: float | None = Field(description="The smallest step between values")
    steps: int | None = Field(description="The range in steps of the resolution")
    at_low: float = Field(description="The share of samples at the lowest value")
    at_high: float = Field(description="The share of samples at the highest value")
    jumps: int = Field(description="Steps that are at least 64 times the usual one")
    monotonic: str | None = Field(description="rising or falling, if it only does that")
    effective_samples: float | None = Field(description="How many independent samples its values are worth")
    remarks: list[Remark]


class Quality(BaseModel):
    files: list[FileQuality]
    rows: RowQuality
    time: TimeQuality
    absent_features: list[str] = Field(description="Features of the baseline that the files do not have")
    sensors: list[SensorQuality]
    problems: list[Remark]
