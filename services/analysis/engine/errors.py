"""Errors of the engine: sentences that a plant engineer can act on, with their location in the input."""

from __future__ import annotations

from typing import Any


class EngineError(ValueError):
    """An input that the engine rejects.

    `str()` is the whole sentence: what is wrong, where, and what to do. `file` is the file name, `row` the
    1-based line of the file including the header (for Parquet, which has no header line, the 1-based
    sample), `column` the column name; each is None where it does not apply.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.row = row
        self.column = column
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        places = [
            f"file '{self.file}'" if self.file is not None else "",
            f"row {self.row}" if self.row is not None else "",
            f"column '{self.column}'" if self.column is not None else "",
        ]
        where = ", ".join(place for place in places if place)
        return f"{where}: {self.message}" if where else self.message


class TableError(EngineError):
    """A file that cannot be read as a table of samples.

    `code` names the kind of the problem, and `params` holds its particulars. If the configured column names
    do not match the file, `suggestion` holds `end_meta`, `start_dim` and `end_dim` as detected in it. If a
    change of the reading configuration makes the file readable, `proposal` holds the changed fields.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        suggestion: dict[str, str] | None = None,
        code: str = "unreadable",
        params: dict[str, Any] | None = None,
        proposal: dict[str, Any] | None = None,
    ) -> None:
        self.suggestion = suggestion
        self.code = code
        self.params = params or {}
        self.proposal = proposal
        super().__init__(message, file=file, row=row, column=column)


class ConfigError(EngineError):
    """A parameter that is out of range; `field` is its name in `config_data`."""

    def __init__(self, message: str, *, field: str) -> None:
        self.field = field
        super().__init__(message)
