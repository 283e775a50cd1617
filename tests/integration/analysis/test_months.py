"""Anomalies of any time lie in the partitions of their months, and are found without reading the others."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.analysis.anomalies.domain import Anomaly, AnomalyFilter, anomaly_id
from services.analysis.database import unit as analysis_unit
from services.analysis.database.anomalies import PostgresAnomalies
from services.analysis.domain import Analysis, Status
from shared.access import Scope
from shared.clock import time_ordered_id
from shared.http.pages import PageRequest
from shared.postgres.connection import Database
from shared.postgres.partitions import drop_empty
from shared.postgres.queries import load_queries
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import NOW, Workplace

MANY_MONTHS = 600
# Times in the file, and the months in which their anomalies lie. The upload is of January 2026.
TIMES: Mapping[str, str] = {
    "2009-03-31T23:59:59.999999Z": "2009_03",
    "2015-04-01": "2015_04",
    "1970-01-01T00:00:00Z": "1970_01",
    "2026-01-01 20:00:00": "2026_01",
    "1899-12-31T00:00:00Z": "2026_01",
    "0001-01-01T00:00:00Z": "2026_01",
    "2026-05-01T00:00:00Z": "2026_01",
    "9999-12-31T23:59:59.999999Z": "2026_01",
    "12345-01-01 00:00:00": "2026_01",
    "NaT": "2026_01",
}
CANNOT_BE = ("1899", "0001", "2026-05", "9999", "12345")
# A query locks the partitions that it reads, and no others.
LOCKED = """
SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_inherits i ON i.inhrelid = l.relation
JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND i.inhparent = 'anomalies'::regclass ORDER BY 1
"""
WHERE_THEY_LIE = "SELECT id, tableoid::regclass::text AS place FROM analysis.anomalies WHERE analysis_id = $1"


async def monitored(place: Workplace, times: Sequence[str]) -> tuple[Analysis, Sequence[Anomaly]]:
    """A completed run in which every sample that has a time is an anomaly."""
    baseline = await place.uploaded()
    await place.do(baseline)
    table = csv(samples(len(times), seed=3, shifted=range(len(times))), times=times)
    run = await place.monitored(baseline, table)
    await place.do(run)
    assert (await place.now(run)).status is Status.COMPLETED
    found: list[Anomaly] = []
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        page = await unit.anomalies.list(AnomalyFilter(analysis_id=run.id), PageRequest(500, None))
        while True:
            found += page.items
            if page.next_cursor is None:
                break
            page = await unit.anomalies.list(
                AnomalyFilter(analysis_id=run.id), PageRequest(500, page.next_cursor)
            )
    return run, sorted(found, key=lambda anomaly: anomaly.sample_index)


async def test_samples_of_any_time_are_kept_and_shown(place: Workplace) -> None:
    run, found = await monitored(place, list(TIMES))
    assert len(found) == len(TIMES)
    lie = {row["id"]: row["place"] for row in await place.admin.fetch(WHERE_THEY_LIE, run.id)}
    for anomaly, (stated, month) in zip(found, TIMES.items(), strict=True):
        assert lie[anomaly.id] == f"analysis.anomalies_{month}", stated
        assert anomaly.metadata is not None
        assert anomaly.metadata["timestamp"] == stated
        if stated.startswith(CANNOT_BE):
            assert anomaly.stated_time == stated
        else:
            assert anomaly.stated_time is None
        if stated.startswith(CANNOT_BE) or stated == "NaT":
            assert anomaly.timestamp == NOW + timedelta(microseconds=anomaly.sample_index)
        async with place.units(Scope(organization_id=run.organization_id)) as unit:
            assert await unit.anomalies.get(anomaly.id) == anomaly
            assert await unit.anomalies.lock(anomaly.id) == anomaly


async def test_an_upload_may_have_samples_of_all_months_there_are(place: Workplace) -> None:
    """The months since 1970 are all that can come of it; nobody else waits for them."""
    months = [f"{1975 + number // 12}-{number % 12 + 1:02}-15" for number in range(MANY_MONTHS)]
    _, found = await monitored(place, months)
    assert [f"{anomaly.timestamp:%Y-%m-%d}" for anomaly in found] == months
    places = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'analysis.anomalies'::regclass"
    assert await place.admin.fetchval(places) >= MANY_MONTHS


async def test_a_month_that_is_dropped_meanwhile_is_made_again(place: Workplace) -> None:
    """Between the making of the partition and the transaction that needs it: the run is tried again."""

    class Dropping:
        """Makes partitions, and then loses them once."""

        def __init__(self) -> None:
            self.lost = False

        async def ensure(self, table: str, times: Any) -> None:
            await place.partitions.ensure(table, times)
            if table == "anomalies" and not self.lost:
                self.lost = True
                await place.admin.execute("SET ROLE dinsight_analysis_owner")
                await drop_empty(place.admin, "analysis.anomalies", datetime(1972, 3, 1, tzinfo=UTC))
                await place.admin.execute("RESET ROLE")

        async def ensure_coming(self, table: str, now: datetime) -> None:
            await place.partitions.ensure_coming(table, now)

    baseline = await place.uploaded()
    await place.do(baseline)
    table = csv(samples(3, seed=3, shifted=[1, 2]), times=["1972-02-01", "1972-02-02", "1972-02-03"])
    run = await place.monitored(baseline, table)
    losing = Dropping()
    await place.do(run, partitions=losing)
    await place.do(run, partitions=losing)
    assert losing.lost
    assert (await place.now(run)).status is Status.COMPLETED
    assert await place.count("anomalies", run) == 2


@pytest.fixture
async def one_connection(place: Workplace) -> AsyncIterator[Database]:
    """A pool whose connection executes everything, so that PostgreSQL may keep a plan for all parameters."""
    async with Database(place.database.dsn, service="analysis", pool_size=1) as database:
        yield database


async def test_queries_read_the_months_they_ask_for(place: Workplace, one_connection: Database) -> None:
    run, found = await monitored(place, ["2001-01-10", "2001-02-10", "2001-03-10", "2001-04-10"])
    february, march = datetime(2001, 2, 1, tzinfo=UTC), datetime(2001, 4, 1, tzinfo=UTC)
    queries = load_queries(analysis_unit.__file__)

    async def months(ask: Callable[[PostgresAnomalies], Awaitable[Any]]) -> tuple[list[str], Any]:
        """The partitions that a query reads, and its answer. Executed once, it says little: the sixth time,
        PostgreSQL plans it for any parameters, and reads all partitions if it then keeps that plan.
        """
        locked: list[list[str]] = []
        answer: Any = None
        for _ in range(10):
            async with one_connection.transaction(Scope(organization_id=run.organization_id)) as connection:
                answer = await ask(PostgresAnomalies(connection, queries))
                locked.append([row[0] for row in await connection.fetch(LOCKED)])
        assert [names for names in locked if names != locked[0]][1:] == []
        assert locked[-1] == locked[0]
        return locked[0], answer

    names, answer = await months(lambda anomalies: anomalies.get(found[1].id))
    assert (names, answer) == (["anomalies_2001_02"], found[1])
    names, answer = await months(lambda anomalies: anomalies.lock(found[2].id))
    assert (names, answer) == (["anomalies_2001_03"], found[2])
    wanted = AnomalyFilter(since=february, until=march)
    names, page = await months(lambda anomalies: anomalies.list(wanted, PageRequest(10, None)))
    assert names == ["anomalies_2001_02", "anomalies_2001_03"]
    assert [anomaly.id for anomaly in page.items] == [found[2].id, found[1].id]
    names, page = await months(lambda anomalies: anomalies.list(wanted, PageRequest(1, None)))
    following = PageRequest(1, page.next_cursor)
    _, page = await months(lambda anomalies: anomalies.list(wanted, following))
    assert [anomaly.id for anomaly in page.items] == [found[1].id]


async def test_an_anomaly_with_an_id_of_its_making_is_found(place: Workplace) -> None:
    """As those have that an earlier version stored."""
    run, found = await monitored(place, ["2002-01-10", "2002-02-10", "2002-03-10"])
    old = uuid4()
    await place.admin.execute("UPDATE analysis.anomalies SET id = $1 WHERE id = $2", old, found[0].id)
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        anomaly = await unit.anomalies.get(old)
        assert anomaly is not None
        assert anomaly.timestamp == found[0].timestamp
        unknown = anomaly_id(anomaly.timestamp, time_ordered_id())
        assert await unit.anomalies.get(unknown) is None
        assert await unit.anomalies.lock(unknown) is None
