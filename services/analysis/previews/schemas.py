"""HTTP models of previews."""

from typing import Any

from pydantic import BaseModel, Field

from services.analysis.quality.schemas import Remark, TimeQuality


class ColumnPreview(BaseModel):
    name: str
    kind: str = Field(description="time, number, switch, text or empty")
    role: str = Field(description="What the proposal makes of it: time, feature, metadata, series or value")
    why: Remark | None = Field(description="Why it is not a feature")
    unit: str | None
    missing: int
    status_words: dict[str, int] = Field(description="What stands for missing values, and how often")
    constant: bool
    example: str | None
    doubts: list[Remark]


class UnderstoodFile(BaseModel):
    """How the file was read; what its form does not have is null."""

    form: str = Field(description="csv, parquet or excel")
    layout: str = Field(description="wide (a column per sensor) or long (a row per value)")
    encoding: str | None
    delimiter: str | None
    decimal: str | None
    thousands: str | None
    header_line: int | None
    preamble: list[str]
    units: list[str]
    archive: list[str]
    sheet: str | None
    rows: int = Field(description="Rows that were looked at")
    time: TimeQuality


class PreviewProblem(Remark):
    """What is wrong or in doubt. `change` is what would make it work, as fields of a configuration."""

    row: int | None = None
    column: str | None = None
    change: dict[str, Any] | None = None


class FilePreview(BaseModel):
    understood: UnderstoodFile | None = Field(description="Null if it could not be read as a table")
    columns: list[ColumnPreview]
    problems: list[PreviewProblem]
    proposed_config: dict[str, Any] | None = Field(
        description=(
            "Fields of a configuration with which the file is read: send it as `config` with POST /analyses."
            " Null"
            " if a question has to be answered first"
        )
    )
