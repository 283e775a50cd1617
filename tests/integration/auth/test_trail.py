"""The audit trail: what it contains, who can read it, and that nobody can change it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from services.auth.database import trail
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.events.auth import AUDIT_RECORDED, AuditRecorded
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Database
from tests.integration.auth.conftest import Person, register
from tests.integration.auth.test_organizations import join
from tests.integration.auth.trail import Entry, entry, recorded
from tests.support.installation import TestDatabase
from tests.support.waiting import eventually

# What a registration leaves, with the sign-in after it.
REGISTERED = ("organization.created", "user.registered", "user.verification_sent", "user.logged_in")


async def test_writes_and_sign_ins_are_in_the_audit_trail(api: httpx2.AsyncClient, person: Person) -> None:
    await api.post("/api/v1/auth/login", json={"email": person.email, "password": "not the right one"})
    place = f"/organizations/{person.organization_id}"
    await person.send("PATCH", place, {"industry": "steel"})
    found = await recorded(person, *REGISTERED, "organization.updated", "user.login_failed")
    assert Counter(item["action"] for item in found) == Counter(
        [*REGISTERED, "organization.updated", "user.login_failed"]
    )
    [failed] = (await person.get("/audit-logs", action="user.login_failed"))["items"]
    assert failed["action"] == "user.login_failed"
    changed = await entry(person, "organization.updated")
    assert changed["changes"] == {"before": {"industry": None}, "after": {"industry": "steel"}}
    assert changed["resource_id"] == str(person.organization_id)
    assert changed["user_id"] == str(person.id)
    assert changed["ip_address"] == "127.0.0.1"
    assert changed["user_agent"].startswith("python-httpx")


async def test_the_audit_trail_is_paged_and_filtered_by_time(person: Person) -> None:
    everything = await recorded(person, *REGISTERED)
    times = [datetime.fromisoformat(item["created_at"]) for item in everything]
    assert times == sorted(times, reverse=True)
    page = await person.get("/audit-logs", limit=2)
    rest = await person.get("/audit-logs", limit=2, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == everything[:4]
    later = (await person.get("/audit-logs", since=times[0].isoformat()))["items"]
    earlier = (await person.get("/audit-logs", until=times[0].isoformat()))["items"]
    assert later + earlier == everything


async def test_many_members_are_read_like_few(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await register(api, organization=None)
    await join(database, member, person.organization_id, "viewer")
    await register(api)
    filters: tuple[dict[str, str], ...] = ({}, {"user_id": str(member.id)}, {"action": "user.logged_in"})

    async def pages() -> list[Entry]:
        """All pages of two, under each filter."""
        found = list[Entry]()
        for filtered in filters:
            page = await person.get("/audit-logs", limit=2, **filtered)
            found += page["items"]
            while page["next_cursor"]:
                page = await person.get("/audit-logs", limit=2, cursor=page["next_cursor"], **filtered)
                found += page["items"]
        return found

    seen = await recorded(person, *REGISTERED)
    await eventually(
        lambda: entries_of(person, member, "user.logged_in"), what="the member's sign-in in the trail"
    )
    few = await pages()
    monkeypatch.setattr(trail, "FEW_MEMBERS", 0)
    assert await pages() == few
    assert {item["user_id"] for item in few} == {str(person.id), str(member.id)}
    assert len(few) > len(seen)


async def test_only_administrators_read_the_audit_trail_of_their_organization(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person
) -> None:
    stranger = await register(api)
    viewer = await register(api, organization=None)
    await join(database, viewer, person.organization_id, "viewer")
    assert (await viewer.send("GET", "/audit-logs")).status_code == 403
    seen = await recorded(stranger, *REGISTERED)
    assert {item["user_id"] for item in seen} == {str(stranger.id)}


async def test_a_demoted_administrator_can_no_longer_read_it(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person
) -> None:
    """Immediately, although the token still names the old role."""
    admin = await register(api, organization=None)
    await join(database, admin, person.organization_id, "admin")
    assert (await admin.send("GET", "/audit-logs")).status_code == 200
    members = f"/organizations/{person.organization_id}/members"
    assert (await person.send("PATCH", f"{members}/{admin.id}", {"role": "viewer"})).status_code == 200
    assert (await admin.send("GET", "/audit-logs")).status_code == 403
    assert (await person.send("DELETE", f"{members}/{admin.id}")).status_code == 204
    assert (await admin.send("GET", "/audit-logs")).status_code == 404


async def test_events_of_other_services_are_stored_once_with_their_time(
    person: Person, database: TestDatabase
) -> None:
    happened = datetime.now(UTC) - timedelta(days=400)
    payload = AuditRecorded(
        user_id=person.id,
        action="machine.created",
        resource_type="machine",
        resource_id=uuid4(),
        changes={"after": {"name": "Pump"}},
        ip_address="no address at all",
        user_agent=None,
        occurred_at=happened,
    )
    async with Database(database.dsn("auth"), service="auth", pool_size=1) as pool:
        async with pool.transaction(Scope()) as connection:
            outbox = PostgresOutbox(connection, SystemClock(), time_ordered_id)
            await outbox.add(
                AUDIT_RECORDED, person.organization_id, payload, organization_id=person.organization_id
            )
        await entry(person, "machine.created")
        # The broker lost its memory, and everything is published again.
        async with pool.transaction(Scope()) as connection:
            await connection.execute("UPDATE outbox SET published_at = NULL WHERE topic = 'audit.recorded'")
            await connection.execute("SELECT pg_notify('auth_outbox', '')")

        async def published() -> bool:
            async with pool.transaction(Scope()) as connection:
                return not await connection.fetchval(
                    "SELECT count(*) FROM outbox WHERE published_at IS NULL AND topic = 'audit.recorded'"
                )

        await eventually(published, what="publishing again")
    await person.send("PATCH", "/users/me", {"full_name": "Later"})
    await recorded(person, "user.updated")
    created = await entry(person, "machine.created")
    assert datetime.fromisoformat(created["created_at"]) == happened
    assert created["ip_address"] is None


async def test_the_service_can_only_append(database: TestDatabase, person: Person) -> None:
    connection = await asyncpg.connect(database.dsn("auth"))
    try:
        partitions = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
            " WHERE inhparent = 'audit_logs'::regclass ORDER BY 1"
        )
        assert len(partitions) >= 2
        for table in ("audit_logs", *(row["name"] for row in partitions)):
            for statement in (
                f"UPDATE {table} SET action = 'x'",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        for row in partitions:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT * FROM {row['name']}")
    finally:
        await connection.close()


async def test_an_entry_of_long_ago_lies_in_its_month(person: Person, database: TestDatabase) -> None:
    happened = datetime(2011, 7, 15, 12, tzinfo=UTC)
    await publish(database, person, "test.long_ago", happened)
    found = await entry(person, "test.long_ago")
    assert datetime.fromisoformat(found["created_at"]) == happened
    assert await partition_of(database, found["id"]) == "audit_logs_2011_07"


@pytest.mark.parametrize("year", [1, 1969, 9999])
async def test_an_entry_of_a_wrong_clock_counts_from_when_it_came(
    person: Person, database: TestDatabase, year: int
) -> None:
    before, stated = datetime.now(UTC), datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await publish(database, person, f"test.year_{year}", stated)
    found = await entry(person, f"test.year_{year}")
    assert datetime.fromisoformat(found["created_at"]) >= before
    assert found["changes"] == {"stated_time": stated.isoformat()}


async def entries_of(person: Person, member: Person, action: str) -> list[Entry]:
    found: list[Entry] = (await person.get("/audit-logs", user_id=member.id, action=action))["items"]
    return found


async def publish(database: TestDatabase, person: Person, action: str, happened: datetime) -> None:
    """What a service does whose clock says `happened`."""
    payload = AuditRecorded(
        user_id=person.id,
        action=action,
        resource_type=None,
        resource_id=None,
        changes=None,
        ip_address=None,
        user_agent=None,
        occurred_at=happened,
    )
    async with (
        Database(database.dsn("auth"), service="auth", pool_size=1) as pool,
        pool.transaction(Scope()) as connection,
    ):
        outbox = PostgresOutbox(connection, SystemClock(), time_ordered_id)
        await outbox.add(
            AUDIT_RECORDED, person.organization_id, payload, organization_id=person.organization_id
        )


async def partition_of(database: TestDatabase, entry_id: str) -> str:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute("SET search_path = auth, public")
        return str(
            await admin.fetchval("SELECT tableoid::regclass::text FROM audit_logs WHERE id = $1", entry_id)
        )
    finally:
        await admin.close()
