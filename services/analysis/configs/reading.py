"""HTTP model of what a configuration says about files; the engine's ReadingConfig has the same fields."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.analysis.engine.conditions import MAX_CHARACTERS
from services.analysis.engine.tables.config import (
    MAX_HEADER_LINE,
    MAX_LABELS,
    MAX_METADATA_COLUMNS,
    MAX_MISSING_VALUES,
    MAX_SHEETS,
    MAX_TIME_COLUMNS,
    MAX_WORD_CHARACTERS,
)
from services.analysis.engine.times.labels import MAX_CODE_CHARACTERS
from shared.http.fields import STORABLE, Moment

Word = Annotated[str, StringConstraints(max_length=MAX_WORD_CHARACTERS, pattern=STORABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=STORABLE)]
TimeColumns = Name | Annotated[list[Name], Field(min_length=1, max_length=MAX_TIME_COLUMNS)]
Period = Annotated[str, StringConstraints(max_length=20, pattern=r"^[Pp][Tt][0-9HMShms.,]+$")]


class LabelFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: Moment
    end: Moment = Field(description="The first moment after it")
    code: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CODE_CHARACTERS, pattern=STORABLE)]


class ReadingFields(BaseModel):
    """What a user says about files. Null means that their content decides."""

    decimal: Literal[".", ","] | None = Field(None, description="The decimal separator")
    thousands: Literal["", ".", ",", "'", " "] | None = Field(
        None, description="The thousands separator; empty for none"
    )
    delimiter: Literal[",", ";", "\t", "|", " "] | None = Field(
        None, description="The delimiter of columns; a space for any number of blanks"
    )
    encoding: Word | None = Field(None, description="The text encoding, such as cp1252 or utf-16")
    header: Annotated[int, Field(ge=0, le=MAX_HEADER_LINE)] | None = Field(
        None, description="The line of the column names, from 1; 0 if there is none (column_1, column_2 ...)"
    )
    missing_values: Annotated[list[Word], Field(max_length=MAX_MISSING_VALUES)] | None = Field(
        None, description="Words and numbers that mean 'not measured', beside the known words"
    )
    missing: Literal["use", "previous", "linear", "refuse"] | None = Field(
        None,
        description="What to do with missing values: judge without them (use), fill them in (previous,"
        " linear), or refuse the file (refuse)",
    )
    sheets: Annotated[list[Name], Field(max_length=MAX_SHEETS)] | None = Field(
        None,
        description="The worksheets of a workbook to read. Default: the first one with the configured"
        " columns, or else with numbers, and those that go on with the same columns",
    )
    time_column: TimeColumns | None = Field(
        None, description="The column of the times, or two: date and time of day"
    )
    time_format: Word | None = Field(
        None,
        description=(
            "How times are written: directives such as %d.%m.%Y %H:%M:%S, or iso, epoch_s, epoch_ms,"
            " epoch_us, epoch_ns or excel"
        ),
    )
    time_zone: Word | None = Field(
        None,
        description="The zone of times that state none, such as Europe/Berlin or +01:00. Default: UTC",
        examples=["Europe/Berlin"],
    )
    metadata_columns: Annotated[list[Name], Field(max_length=MAX_METADATA_COLUMNS)] | None = Field(
        None, description="Columns between start_dim and end_dim that are no features, such as labels"
    )
    series_column: Name | None = Field(None, description="The column with the sensors' names in a long table")
    value_column: Name | None = Field(None, description="The column with the values in a long table")
    resample: Period | None = Field(
        None, description="Brings samples to a grid of this step: an ISO 8601 duration", examples=["PT1M"]
    )
    resample_by: Literal["mean", "last", "max"] | None = Field(
        None, description="Which of several values a step of the grid takes. Default: mean"
    )
    join: Literal["outer", "inner"] | None = Field(
        None,
        description="Whether times at which not every file has a row stay (outer, by default) or go (inner)",
    )
    round_times: Period | None = Field(
        None,
        description="Rows of several files whose times differ by less are one sample",
        examples=["PT0.5S"],
    )
    off_when: Annotated[str, StringConstraints(max_length=MAX_CHARACTERS, pattern=STORABLE)] | None = Field(
        None,
        description=(
            "A condition over columns. Samples for which it is true neither train nor alarm, for example"
            " speed < 100 and not mode = 'test'; names with blanks stand in double quotes"
        ),
        examples=["speed < 100"],
    )
    labels: Annotated[list[LabelFields], Field(max_length=MAX_LABELS)] | None = Field(
        None, description="What is known of times. Samples get it as the metadata column `label`"
    )

    def reading(self) -> dict[str, Any]:
        """The fields that were sent, as JSON; null takes a field back to its default."""
        return self.model_dump(mode="json", include=set(ReadingFields.model_fields), exclude_unset=True)
