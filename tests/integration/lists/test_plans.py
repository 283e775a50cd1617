"""What the queries of the lists read: an index in the order of the list, from the place of its filters.

With scans of whole tables, bitmaps and sorting made expensive, the planner still uses them where no index
serves a query; a plan without them means that one does, however many rows there are.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerting.alerts.domain import AlertFilter, AlertStatus
from services.alerting.database.alerts import PostgresAlertRepository
from services.alerting.database.postgres import PostgresUnits as AlertingUnits
from services.alerting.rules.signals import Severity
from services.analysis.anomalies.domain import AnomalyFilter
from services.analysis.database.analyses import PostgresAnalyses
from services.analysis.database.anomalies import PostgresAnomalies
from services.analysis.database.unit import PostgresUnits as AnalysisUnits
from services.analysis.domain import AnalysisFilter, AnalysisType, Status
from services.auth.database.trail import PostgresTrailRepository
from services.auth.database.unit import PostgresUnits as AuthUnits
from services.auth.trail.domain import AuditFilter
from shared.access import Scope
from shared.http.pages import Cursor, PageRequest
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries
from tests.integration.lists.conftest import Filled
from tests.lists.seed import Seed, connect
from tests.support.installation import TestDatabase

# Late in a month that the rows cover: for the rest of a month without rows, every index is as good.
NOW = (datetime.now(UTC) - timedelta(days=60)).replace(day=28)
MACHINE = uuid4()
LAST = PageRequest(50, Cursor(NOW, UUID(int=7)))
EXPENSIVE = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")


class Explaining:
    """Stands in for the connection of a repository: explains what it is asked, and answers nothing.

    It says `value` where one value is asked for.
    """

    def __init__(self, connection: Connection, filled: frozenset[str], value: Any) -> None:
        self._connection = connection
        self._value = value
        # For a partition with few rows, every index is as good.
        self._filled = filled
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        [row] = await self._connection.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *values)
        [plan] = json.loads(row[0]) if isinstance(row[0], str) else row[0]
        self.plans.append(plan["Plan"])
        return []

    async def fetchval(self, _sql: str, *_values: Any) -> Any:
        return self._value

    def nodes(self, kind: str = "") -> list[dict[str, Any]]:
        return [node for plan in self.plans for node in _nodes(plan) if kind in node["Node Type"]]

    def scans(self) -> list[dict[str, Any]]:
        """The scans of indexes, except those of small partitions."""
        return [node for node in self.nodes("Index") if node.get("Relation Name") in self._filled]

    def conditions(self, column: str) -> list[str]:
        """The conditions of the scans, one for each, that has `column` in it."""
        return [each for node in self.scans() if column in (each := node.get("Index Cond", ""))]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


class Place:
    def __init__(self, database: TestDatabase, seed: Seed, filled: frozenset[str]) -> None:
        self._database = database
        self._filled = filled
        self.seed = seed

    async def explain(self, service: str, units: type, ask: Any, value: Any = None) -> Explaining:
        queries = load_queries(units.__init__.__code__.co_filename)  # type: ignore[misc]
        scope = Scope(organization_id=self.seed.id("organization", 1), user_id=self.seed.id("user", 1))
        async with (
            Database(self._database.dsn(service), service=service, pool_size=1) as pool,
            pool.transaction(scope) as connection,
        ):
            for setting in EXPENSIVE:
                await connection.execute(f"SET LOCAL {setting} = off")
            explaining = Explaining(connection, self._filled, value)
            await ask(explaining, queries)
        return explaining


@pytest.fixture
async def place(filled: Filled) -> Place:
    admin = await connect(filled.database.admin_dsn)
    rows = await admin.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 1000")
    await admin.close()
    return Place(filled.database, filled.seed, frozenset(row[0] for row in rows))


ANOMALIES = [
    (AnomalyFilter(), ["organization_id"]),
    (AnomalyFilter(since=NOW), ["organization_id", "timestamp"]),
    (AnomalyFilter(machine_id=MACHINE), ["machine_id"]),
    (AnomalyFilter(machine_id=MACHINE, severity="high"), ["machine_id", "severity"]),
    (AnomalyFilter(machine_id=MACHINE, acknowledged=False), ["machine_id", "acknowledged"]),
    (AnomalyFilter(analysis_id=MACHINE, severity="high"), ["analysis_id", "severity"]),
    (AnomalyFilter(severity="high"), ["organization_id", "severity"]),
    (AnomalyFilter(severity="high", acknowledged=True), ["severity", "acknowledged"]),
    (AnomalyFilter(acknowledged=True), ["organization_id", "acknowledged"]),
]


@pytest.mark.parametrize(("wanted", "columns"), ANOMALIES)
async def test_anomalies_are_read_in_order_from_the_place_of_their_filters(
    place: Place, wanted: AnomalyFilter, columns: list[str]
) -> None:
    async def ask(connection: Any, queries: Any) -> None:
        await PostgresAnomalies(connection, queries).list(wanted, LAST)

    found = await place.explain("analysis", AnalysisUnits, ask)
    assert found.nodes("Sort") == found.nodes("Seq Scan") == []
    for column in columns:
        assert len(found.conditions(column)) == len(found.scans()) > 0, found.plans


async def test_months_behind_the_cursor_are_not_read(place: Place) -> None:
    async def ask(connection: Any, queries: Any) -> None:
        early = PageRequest(50, Cursor(datetime(1971, 1, 1, tzinfo=UTC), UUID(int=7)))
        await PostgresAnomalies(connection, queries).list(AnomalyFilter(), early)

    found = await place.explain("analysis", AnalysisUnits, ask)
    assert found.nodes("Index") == []


@pytest.mark.parametrize(
    "wanted",
    [
        AnalysisFilter(),
        AnalysisFilter(status=Status.FAILED),
        AnalysisFilter(analysis_type=AnalysisType.BASELINE, status=Status.FAILED),
    ],
)
async def test_analyses_are_read_in_order(place: Place, wanted: AnalysisFilter) -> None:
    async def ask(connection: Any, queries: Any) -> None:
        await PostgresAnalyses(connection, queries).list(wanted, LAST)

    found = await place.explain("analysis", AnalysisUnits, ask)
    assert found.nodes("Sort") == []
    [scan] = found.nodes("Index")
    for column in ("status", "analysis_type"):
        assert (getattr(wanted, column) is None) is (column not in scan["Index Cond"])


@pytest.mark.parametrize("status", [None, AlertStatus.ACTIVE])
async def test_alerts_are_read_in_order(place: Place, status: AlertStatus | None) -> None:
    async def ask(connection: Any, queries: Any) -> None:
        wanted = AlertFilter(status, Severity.HIGH if status else None, None)
        await PostgresAlertRepository(connection, queries).list(wanted, LAST)

    found = await place.explain("alerting", AlertingUnits, ask)
    assert found.nodes("Sort") == []
    [scan] = found.nodes("Index")
    assert ("status" in scan["Index Cond"]) is (status is not None)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("column", [None, "user_id", "action", "resource_type", "resource_id", "api_key_id"])
async def test_both_parts_of_the_trail_are_read_in_order(
    place: Place, column: str | None, many: bool
) -> None:
    value: Any = "x" if column in ("action", "resource_type") else MACHINE

    async def ask(connection: Any, queries: Any) -> None:
        wanted = AuditFilter(**({column: value} if column else {}))
        await PostgresTrailRepository(connection, queries).list(wanted, LAST)

    found = await place.explain("auth", AuthUnits, ask, value=many)
    assert len(found.plans) == 2
    assert found.nodes("Seq Scan") == []
    # What few members did is merged, and sorted for that; the rest stands in its order.
    assert len(found.nodes("Sort")) <= (0 if many else 2), found.plans
