"""Every dump of an earlier version is migrated under load: no row is lost, and the new version serves it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from dinsight.installation import SERVICES
from dinsight.provision.migrations import pending, upgrade
from services.alerting import main as alerting
from services.alerting.settings import Settings as AlertingSettings
from services.analysis import main as analysis
from services.analysis.settings import Settings as AnalysisSettings
from services.auth import main as auth
from services.auth.settings import Settings as AuthSettings
from services.machines import main as machines
from services.machines.settings import Settings as MachinesSettings
from shared.settings import InstallationSettings
from tests.e2e.plant import PASSWORD
from tests.integration.upgrades.load import Load, statements_of
from tests.integration.upgrades.make_dump import ADDRESS, DUMPS, KEYS, OWNERS, PEPPER
from tests.integration.upgrades.restoring import Rows, keys_in, restored, rows_of
from tests.support.installation import TestDatabase
from tests.support.service import running
from tests.support.signing import PUBLIC_KEYS, SIGNING_KEY
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

FIXTURES = sorted(DUMPS.glob("*.sql.gz"))
LISTS = {
    "/api/v1/machines": "machines.machines",
    "/api/v1/analyses": "analysis.analyses",
    "/api/v1/anomalies": "analysis.anomalies",
    "/api/v1/alert-rules": "alerting.alert_rules",
    "/api/v1/alerts": "alerting.alerts",
}


@dataclass
class Upgraded:
    database: TestDatabase
    organizations: list[UUID]
    before: Rows
    # By table, when the upgrade had ended: programs that run later delete what they no longer keep.
    lost: Mapping[str, frozenset[str]]
    load: Load


@pytest.fixture(scope="module", params=FIXTURES, ids=lambda path: path.name.removesuffix(".sql.gz"))
async def upgraded(request: pytest.FixtureRequest, postgres_admin_dsn: str) -> AsyncIterator[Upgraded]:
    """An installation of the earlier version, migrated to this one while its services work."""
    dump: Path = request.param
    async with restored(postgres_admin_dsn, dump) as database:
        admin = await asyncpg.connect(database.admin_dsn)
        rows = await admin.fetch("SELECT id FROM auth.organizations ORDER BY id")
        load = Load(str(rows[0]["id"]))
        before = await rows_of(admin)
        work = {service: await statements_of(database.admin_dsn, service) for service in SERVICES}
        expected = {name for statements in work.values() for name, _ in statements}
        async with asyncio.TaskGroup() as group:
            for service in SERVICES:
                group.create_task(load.run(database.dsn(service), service, work[service]))
            try:
                await eventually(lambda: everything_done(load, expected), what="the load")
                for service in SERVICES:
                    await asyncio.to_thread(upgrade, service, database.admin_dsn, after=False)
                # The old version works on what the first half of the upgrade has made.
                load.done.clear()
                await eventually(lambda: everything_done(load, expected), what="the load on the new schema")
            finally:
                load.stopped.set()
        for service in SERVICES:
            await asyncio.to_thread(upgrade, service, database.admin_dsn)
        assert await pending(database.admin_dsn) == []
        lost = {place: kept - await keys_in(admin, place, key) for place, (key, kept) in before.items()}
        yield Upgraded(database, [row["id"] for row in rows], before, lost, load)
        await admin.close()


async def everything_done(load: Load, expected: set[str]) -> bool:
    return expected <= load.done.keys()


def test_there_is_a_dump() -> None:
    assert FIXTURES


def test_every_row_is_still_there(upgraded: Upgraded) -> None:
    assert {place: len(lost) for place, lost in upgraded.lost.items() if lost} == {}


def test_the_dump_has_rows_in_every_table_that_holds_data(upgraded: Upgraded) -> None:
    for place in (*LISTS.values(), "auth.audit_logs", "auth.api_keys", "alerting.deliveries", "analysis.jobs",
                  "analysis.feature_data", "analysis.monitor_data", "machines.outbox", "alerting.inbox",
                  "machines.idempotency_keys", "auth.refresh_tokens"):  # fmt: skip
        assert upgraded.before[place][1], place


@pytest.fixture
async def installation(
    upgraded: Upgraded, bootstrap: str, tokens: TokenIssuer, tmp_path: Path
) -> AsyncIterator[InstallationSettings]:
    async with tokens.serving() as auth_url:
        yield InstallationSettings(
            kafka_bootstrap=bootstrap,
            kafka_session_timeout_ms=3_000,
            kafka_heartbeat_ms=500,
            auth_url=auth_url,
            storage_url=f"file://{tmp_path}",
            encryption_keys=SecretStr(KEYS),
            event_signing_key=SIGNING_KEY,
            event_public_keys=PUBLIC_KEYS,
            log_format="console",
        )


def application(service: str, database: TestDatabase, installation: InstallationSettings) -> FastAPI:
    dsn = SecretStr(database.dsn(service))
    if service == "machines":
        return machines.create_app(installation, MachinesSettings(database_url=dsn))
    if service == "analysis":
        return analysis.create_app(installation, AnalysisSettings(database_url=dsn))
    if service == "alerting":
        return alerting.create_app(installation, AlertingSettings(database_url=dsn))
    settings = AuthSettings(database_url=dsn, password_pepper=SecretStr(PEPPER), bcrypt_cost=4)
    return auth.create_app(installation, settings)


async def all_ids(client: httpx2.AsyncClient, path: str, headers: dict[str, str]) -> set[str]:
    ids: set[str] = set()
    cursor = None
    while True:
        parameters = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(path, params=parameters, headers=headers)
        assert answer.status_code == 200, answer.text
        ids |= {item["id"] for item in answer.json()["items"]}
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return ids


async def test_the_new_version_serves_what_was_there(
    upgraded: Upgraded, installation: InstallationSettings, tokens: TokenIssuer
) -> None:
    served: dict[str, set[str]] = {}
    for service in ("machines", "analysis", "alerting"):
        app = application(service, upgraded.database, installation)
        async with running(app, installation) as client:
            for organization in upgraded.organizations:
                headers = tokens.headers(organization)
                for path in (path for path, place in LISTS.items() if place.startswith(f"{service}.")):
                    served.setdefault(path, set()).update(await all_ids(client, path, headers))
                if service == "alerting":
                    rules = (await client.get("/api/v1/alert-rules", headers=headers)).json()["items"]
                    [shown] = [rule["actions"]["webhooks"]["cmms"]["url"] for rule in rules]
                    assert shown == ADDRESS
    for path, place in LISTS.items():
        missing = {row.strip("()").split(",")[0] for row in upgraded.before[place][1]} - served[path]
        assert not missing, f"{path} does not show {len(missing)} rows"


async def test_people_sign_in_and_find_their_organization(
    upgraded: Upgraded, installation: InstallationSettings
) -> None:
    app = application("auth", upgraded.database, installation)
    async with running(app, installation) as client:
        for email in OWNERS:
            login = {"email": email, "password": PASSWORD}
            answer = await client.post("/api/v1/auth/login", json=login)
            assert answer.status_code == 200, answer.text
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            [organization] = (await client.get("/api/v1/organizations", headers=headers)).json()["items"]
            assert organization["name"] == f"Plant of {email}"
            assert organization["secret_names"] == ["smtp"]
