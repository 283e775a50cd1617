"""Errors of the engine: sentences that a plant engineer can act on, with their location in the input."""

from __future__ import annotations

from typing import Any


class EngineError(ValueError):
    """An input that the engine rejects.

    `str()` is the whole sentence: what is wrong, where, and what to do. `file` is the file name, `row` the
    1-based line of the file including the header (for Parquet, which has no header line, the 1-based
    sample), `column` the column name; each is None where it does not apply. `code` names the kind of the
    problem in words that stay, and `params` holds its particulars. `proposal` holds the fields of a
    configuration that would make the input readable, if a change of it would.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        params: dict[str, Any] | None = None,
        proposal: dict[str, Any] | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.params = params or {}
        self.proposal = proposal
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

    If the configured column names do not match the file, `suggestion` holds `end_meta`, `start_dim` and
    `end_dim` as detected in it, which are the proposal as long as there is no other.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        suggestion: dict[str, str] | None = None,
        params: dict[str, Any] | None = None,
        proposal: dict[str, Any] | None = None,
    ) -> None:
        self.suggestion = suggestion
        super().__init__(
            message,
            code=code,
            file=file,
            row=row,
            column=column,
            params=params,
            proposal=proposal if proposal is not None or suggestion is None else dict(suggestion),
        )


class ConfigError(EngineError):
    """A parameter that is out of range; `field` is its name in `config_data`."""

    def __init__(self, message: str, *, field: str) -> None:
        self.field = field
        super().__init__(message, code="config_invalid", params={"field": field})
