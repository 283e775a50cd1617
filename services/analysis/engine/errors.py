"""Errors of the engine: each is a sentence a plant engineer can act on, and carries where it happened."""

from __future__ import annotations


class EngineError(ValueError):
    """An input the engine refuses.

    `str()` is the whole sentence (what is wrong, where, what to do). `file` is the file's name, `row` the
    1-based line in the file including the header (for Parquet, which has no header line: the 1-based
    sample), `column` the column's name; each is None where it does not apply.
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

    `suggestion` holds `end_meta`, `start_dim` and `end_dim` as detected in the file, when the configured
    names do not fit it; otherwise None.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        suggestion: dict[str, str] | None = None,
    ) -> None:
        self.suggestion = suggestion
        super().__init__(message, file=file, row=row, column=column)


class ConfigError(EngineError):
    """A parameter out of its range; `field` names it as in `config_data`."""

    def __init__(self, message: str, *, field: str) -> None:
        self.field = field
        super().__init__(message)
