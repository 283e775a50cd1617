"""Reads the machines of the overview."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.web.overview.domain import Row
from services.web.sessions.visit import Visit

PAGE = 100
FILTERS = ("q", "location", "tag", "state", "sort")


@dataclass(frozen=True, slots=True)
class Fleet:
    rows: Sequence[Row]
    filters: Mapping[str, str]
    next_cursor: str | None
    is_first_page: bool
    has_open_alerts: bool

    @property
    def is_empty(self) -> bool:
        """Whether the organization has no machine at all."""
        return not self.rows and not self.filters and self.is_first_page


async def read_fleet(visit: Visit) -> Fleet:
    query = visit.request.query_params
    filters = {name: query[name] for name in FILTERS if query.get(name)}
    cursor = query.get("cursor")
    fleet, alerts = await asyncio.gather(
        visit.get("/fleet", limit=PAGE, cursor=cursor, **filters),
        visit.get("/alerts", open=True, limit=1),
    )
    rows = [Row(machine) for machine in fleet["items"]]
    return Fleet(rows, filters, fleet["next_cursor"], not cursor, bool(alerts["items"]))
