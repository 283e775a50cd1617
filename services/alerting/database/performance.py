"""The performance of rules and the alert budget in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.database.paging import page_parameters
from services.alerting.performance.domain import (
    MIN_REPEATS_OF_CHATTER,
    AlertBudget,
    NightlyCalls,
    PerformanceFilter,
    RulePerformance,
)
from services.alerting.rules.signals import Severity
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class PostgresPerformanceRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def list(self, wanted: PerformanceFilter, page: PageRequest) -> Slice[RulePerformance]:
        rows = self._queries.list_performance(
            self._connection, **asdict(wanted), min_repeats=MIN_REPEATS_OF_CHATTER, **page_parameters(page)
        )
        rules = [RulePerformance(**dict(row)) async for row in rows]
        return Slice.cut(rules, page.limit, lambda rule: Cursor(rule.created_at, rule.rule_id))

    async def budget(self) -> AlertBudget | None:
        row = await self._queries.get_budget(self._connection)
        if row is None:
            return None
        return AlertBudget(**dict(row) | {"min_severity": Severity.parse(row["min_severity"])})

    async def set_budget(self, organization_id: UUID, budget: AlertBudget, at: datetime) -> None:
        values = asdict(budget) | {"min_severity": budget.min_severity.label}
        await self._queries.set_budget(
            self._connection, organization_id=organization_id, updated_at=at, **values
        )

    async def remove_budget(self) -> None:
        await self._queries.remove_budget(self._connection)

    async def calls(self, budget: AlertBudget, since: datetime, until: datetime) -> Sequence[NightlyCalls]:
        rows = self._queries.calls_by_night(
            self._connection,
            since=since,
            until=until,
            starts_at=budget.starts_at,
            ends_at=budget.ends_at,
            time_zone=budget.time_zone,
            severities=budget.severities,
        )
        return [NightlyCalls(**dict(row)) async for row in rows]
