"""Every list and combination of filters of the API's document, on millions of rows: `python -m bench.lists`.

The services run in this process, on a PostgreSQL server of their own, with their own logins and row-level
security. Each request goes to the service without the gateway and the network. `--scale 0.01` tries it out.
Filling takes long: with `--database NAME` on a server that DINSIGHT_TEST_DATABASE_URL names, the first run
fills a database and keeps it, and later ones measure it (without plans, which stand in that server's log).
"""

import argparse
import asyncio
import itertools
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from dinsight.provision.topics import create_topics
from shared.http.pages import Cursor, bind
from tests.lists.seed import Seed, Size, connect, trust
from tests.lists.services import ListOperation, Services, all_services, lists
from tests.servers import TestServers
from tests.support.installation import (
    TestDatabase,
    create_database,
    find_database,
    installation_settings,
    kafka_at,
)
from tests.support.tokens import TokenIssuer

MAX_FILTERS = 3
AIM_MS = 50.0
SHOWN = 10
# The largest organization, and one of many.
ORGANIZATIONS = (1, 3)
# Where a page begins, as a share of the time from the newest row to the oldest.
POSITIONS: Mapping[str, float | None] = {"first": None, "middle": 0.5, "last": 0.9999}
# Not the newest first.
OWN_ORDER = ("list_fleet",)
SIZE = "SELECT pg_size_pretty(pg_database_size(current_database()))"
EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_level": "log",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One page of a list: `milliseconds` is the best of the repeats."""

    operation: ListOperation
    organization: int
    position: str
    filters: Mapping[str, Any]
    cursor: str | None
    milliseconds: float = 0.0
    rows: int = 0

    def __str__(self) -> str:
        filters = " & ".join(f"{name}={str(value)[:20]}" for name, value in self.filters.items())
        place = f"organization {self.organization}, {self.position} page"
        return f"{self.operation.id}, {place}, {filters or 'no filter'}"


def values(seed: Seed, operation: ListOperation, name: str, organization: int) -> Sequence[Any]:
    """Values that occur often, some that occur seldom, and one that does not."""
    schema = operation.filters[name]
    absent: UUID = uuid4()
    now = seed.now
    known: Mapping[str, Sequence[Any]] = {
        # Machine 1 belongs to organization 1, and has a tenth of everything.
        "machine_id": (seed.id("machine", 1), seed.id("machine", organization + 6), absent),
        "analysis_id": (seed.id("analysis", 10), absent),
        "alert_rule_id": (seed.id("rule", 1), seed.id("rule", organization + 6), absent),
        "template_id": (seed.id("template", organization), absent),
        "user_id": (seed.id("user", organization), absent),
        "assigned_to": (seed.id("user", 1), absent),
        "resource_id": (seed.id("resource", 10), absent),
        "api_key_id": (seed.id("key", 1), absent),
        "action": ("anomaly.acknowledged", "machine.deleted", "absent"),
        "resource_type": ("anomaly", "machine", "absent"),
        "email": ("nobody@example.org",),
        "location": ("hall 3", "absent"),
        "tag": ("line 3", "absent"),
        "q": ("pump 1", "absent"),
        "since": ((now - seed.size.span / 2).isoformat(), (now + timedelta(days=300)).isoformat()),
        "until": (now.isoformat(), (now - seed.size.span / 2).isoformat(), "1970-01-02T00:00:00Z"),
    }
    if operation.id == "list_rule_performance" and name in ("since", "until"):
        # It refuses a period that ends before it begins, and one of more than a year.
        at = now - seed.size.span * (0.3 if name == "since" else 0.1)
        return (at.isoformat(),)
    if name in known:
        return known[name]
    if schema.get("type") == "boolean":
        return ("true", "false")
    if "enum" not in schema:
        raise SystemExit(f"{operation.id}: bench.lists has no values for {name!r} ({schema})")
    return tuple(schema["enum"])


def requests(seed: Seed, operation: ListOperation) -> Iterator[Request]:
    # Machine 1 and its sources belong to the largest organization.
    of_one = "{machine_id}" in operation.path or "{source_id}" in operation.path
    for organization in ORGANIZATIONS[:1] if of_one else ORGANIZATIONS:
        for count in range(min(MAX_FILTERS, len(operation.filters)) + 1):
            for names in itertools.combinations(operation.filters, count):
                choices = [values(seed, operation, name, organization) for name in names]
                for chosen in itertools.product(*choices):
                    for position, share in POSITIONS.items():
                        at = seed.now - seed.size.span * (share or 0)
                        cursor = Cursor(at, UUID(int=0)).encode() if share else None
                        filters = dict(zip(names, chosen, strict=True))
                        yield Request(operation, organization, position, filters, cursor)


def ids(seed: Seed, organization: int) -> Mapping[str, UUID]:
    """What stands in the paths of lists."""
    return {
        "organization_id": seed.id("organization", organization),
        "machine_id": seed.id("machine", 1),
        "source_id": seed.id("source", 1),
    }


async def ask(services: Services, seed: Seed, issuer: TokenIssuer, request: Request) -> tuple[float, int]:
    """Milliseconds and rows of one request."""
    began = time.perf_counter()
    items, _ = await answer(services, seed, issuer, request)
    return (time.perf_counter() - began) * 1000, len(items)


async def answer(
    services: Services, seed: Seed, issuer: TokenIssuer, request: Request, **more: str
) -> tuple[list[Any], str | None]:
    """The items of a page, and the cursor of the next one."""
    headers = seed.headers(issuer, request.organization)
    path = request.operation.path.format_map(ids(seed, request.organization))
    query = {name: str(value) for name, value in request.filters.items()} | more
    if request.cursor:
        query["cursor"] = bind(request.cursor, path, query.items(), None)
    response = await services.get(path, headers, **query)
    assert response.status_code == 200, f"{request}: {response.status_code} {response.text}"
    page = response.json()
    return page["items"], page.get("next_cursor")


async def placed(services: Services, seed: Seed, issuer: TokenIssuer, request: Request) -> Request:
    """The request, with the cursor of its position in a list that has an order of its own."""
    cursors: list[str] = []
    at = replace(request, cursor=None)
    while (found := await answer(services, seed, issuer, at, limit="500"))[1]:
        cursors.append((found[1] or "").rpartition(".")[0])
        at = replace(at, cursor=cursors[-1])
    share = POSITIONS[request.position] or 0.0
    return replace(request, cursor=cursors[int(share * len(cursors))] if cursors else None)


async def measure(
    services: Services, seed: Seed, issuer: TokenIssuer, repeats: int, console: Console
) -> list[Request]:
    measured: list[Request] = []
    table = Table(title=f"Lists of {seed.size.analyses * 100:,} anomalies, milliseconds")
    for heading in ("list", "requests", "p50", "p95", "worst", f"over {AIM_MS:.0f} ms"):
        table.add_column(heading, justify="left" if heading == "list" else "right")
    for operation in lists():
        found = []
        for request in requests(seed, operation):
            if request.cursor and operation.id in OWN_ORDER:
                request = await placed(services, seed, issuer, request)
            runs = [await ask(services, seed, issuer, request) for _ in range(repeats)]
            best = min(runs)
            found.append(
                Request(
                    *(request.operation, request.organization, request.position, request.filters),
                    *(request.cursor, best[0], best[1]),
                )
            )
        times = sorted(request.milliseconds for request in found)
        cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
        over = sum(each > AIM_MS for each in times)
        cells = (f"{len(times)}", f"{cuts[9]:.1f}", f"{cuts[18]:.1f}", f"{times[-1]:.1f}", f"{over}")
        table.add_row(operation.id, *cells)
        console.print(f"{operation.id}: {' '.join(cells)}")
        measured += found
    console.print(table)
    return sorted(measured, key=lambda request: -request.milliseconds)


def slowest_plan(log: str) -> str:
    """The plan of the statement that took longest, from what auto_explain has logged."""
    plans = re.findall(r"duration: ([\d.]+) ms  plan:\n(.*?)(?=\n\S|\Z)", log, re.DOTALL)
    return max(plans, key=lambda plan: float(plan[0]), default=("", "no plan was logged"))[1]


async def run(wanted: argparse.Namespace, console: Console) -> None:
    servers = TestServers()
    try:
        await _run(servers, wanted, console)
    finally:
        servers.close()


async def filled(dsn: str, wanted: argparse.Namespace, console: Console) -> tuple[TestDatabase, Seed]:
    """The database, with all rows, and how these were made: of an earlier run, if it was kept."""
    if wanted.database and (kept := await find_database(dsn, wanted.database)) is not None:
        admin = await connect(kept.admin_dsn)
        row = await admin.fetchrow("SELECT * FROM public.bench_seed")
        await admin.close()
        if row is None:
            raise SystemExit(f"{wanted.database} was not filled to its end: drop it")
        return kept, Seed(Size.scaled(row["scale"]), row["salt"], row["now"])
    database = await create_database(dsn, wanted.database)
    for service in SERVICES:
        await asyncio.to_thread(upgrade, service, database.admin_dsn)
    seed = Seed.new(Size.scaled(wanted.scale))
    admin = await connect(database.admin_dsn)
    await admin.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
    began = time.perf_counter()
    await seed.fill(admin, rebuild_indexes=True)
    await admin.execute("VACUUM (ANALYZE)")
    console.print(f"filled in {time.perf_counter() - began:.0f} s: {await admin.fetchval(SIZE)}")
    await admin.execute("CREATE TABLE public.bench_seed (scale float8, salt text, now timestamptz)")
    values = (wanted.scale, seed.salt, seed.now)
    await admin.execute("INSERT INTO public.bench_seed VALUES ($1, $2, $3)", *values)
    await admin.close()
    return database, seed


async def _run(servers: TestServers, wanted: argparse.Namespace, console: Console) -> None:
    dsn = await asyncio.to_thread(servers.postgres_dsn)
    broker = await asyncio.to_thread(servers.broker)
    await create_topics(kafka_at(broker.bootstrap))
    database, seed = await filled(dsn, wanted, console)
    if wanted.fill_only:
        return
    issuer = TokenIssuer()
    admin = await connect(database.admin_dsn)
    await trust(admin, issuer)
    with tempfile.TemporaryDirectory() as storage:
        async with issuer.serving() as auth_url:
            installation = installation_settings(
                kafka_bootstrap=broker.bootstrap, auth_url=auth_url, storage_url=f"file://{storage}"
            )
            async with all_services(database, installation) as services:
                measured = await measure(services, seed, issuer, wanted.repeats, console)
            if wanted.database:
                for request in measured[:SHOWN]:
                    console.print(f"{request.milliseconds:.1f} ms, {request.rows} rows: {request}")
                await admin.close()
                return
            name = await admin.fetchval("SELECT quote_ident(current_database())")
            for setting, value in EXPLAINED.items():
                await admin.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
            async with all_services(database, installation) as services:
                for request in measured[:SHOWN]:
                    before = servers.postgres_log().stat().st_size
                    await ask(services, seed, issuer, request)
                    log = servers.postgres_log().read_bytes()[before:].decode()
                    console.print(f"\n{request.milliseconds:.1f} ms, {request.rows} rows: {request}")
                    console.print(slowest_plan(log), markup=False, highlight=False)
    await admin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of 10 million anomalies")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--database", help="a database to fill and keep, or to measure")
    parser.add_argument("--fill-only", action="store_true", help="do not measure")
    asyncio.run(run(parser.parse_args(), Console(width=200)))


if __name__ == "__main__":
    main()
