"""Converts rows to frozen dataclasses and back."""

from dataclasses import fields
from typing import Any, TypeVar

import asyncpg

from services.analysis.anomalies.domain import Anomaly
from services.analysis.configs.domain import Configuration
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.machines.domain import MachineRef
from services.analysis.uploads.domain import FileUpload

T = TypeVar("T")


def read(kind: type[T], row: asyncpg.Record, **converted: Any) -> T:
    """A dataclass of columns with its fields' names; `converted` replaces values."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: row[name] for name in names} | converted)


def configuration(row: asyncpg.Record) -> Configuration:
    return read(Configuration, row, severity_bands=tuple(row["severity_bands"]))


def machine_ref(row: asyncpg.Record) -> MachineRef:
    return read(MachineRef, row, tags=tuple(row["tags"]))


def file_upload(row: asyncpg.Record) -> FileUpload:
    return read(
        FileUpload,
        row,
        status=Status(row["status"]),
        merged_files=row["merged_files"] or [],
        file_path=row["file_path"] or "",
    )


def analysis(row: asyncpg.Record) -> Analysis:
    return read(
        Analysis,
        row,
        status=Status(row["status"]),
        analysis_type=AnalysisType(row["analysis_type"]),
    )


def anomaly(row: asyncpg.Record) -> Anomaly:
    return read(Anomaly, row)


def shallow_dict(item: Any) -> dict[str, Any]:
    """The fields of a dataclass, without the copies of long lists that `asdict` makes."""
    return {field.name: getattr(item, field.name) for field in fields(item)}
