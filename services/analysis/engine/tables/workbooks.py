"""Workbooks of Excel: what their formats have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .sources import OLE, Source

Row = Sequence[Any]
"""The values of cells: None, text, numbers, booleans, dates and times."""


class Workbook(Protocol):
    """A workbook that is open."""

    @property
    def titles(self) -> list[str]:
        """The names of the visible worksheets, in order."""
        ...

    def rows(self, title: str, width: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a sheet that have a cell, with their numbers, each up to `width` cells.

        Raises TableError if the sheet is damaged.
        """
        ...


def open_workbook(source: Source) -> AbstractContextManager[Workbook]:
    """Open a workbook of either format. Raises TableError."""
    # The readers are large, and most files are text.
    from .xls_book import open_xls
    from .xlsx_book import open_xlsx

    return open_xls(source) if source.head(len(OLE)) == OLE else open_xlsx(source)
