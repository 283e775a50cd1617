"""Organizations, members and roles, and who can see them."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from shared.events.auth import MEMBERSHIP_CHANGED, ORGANIZATION_CHANGED
from shared.retention import OwnRetention
from tests.integration.auth.conftest import Person, register
from tests.support.installation import TestDatabase
from tests.support.records import reading


async def join(database: TestDatabase, person: Person, organization_id: UUID, role: str) -> None:
    """Make a user a member, as if they had accepted an invitation."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("SET search_path = auth, public")
        await connection.execute(
            "INSERT INTO user_organizations (user_id, organization_id, role) VALUES ($1, $2, $3)",
            person.id,
            organization_id,
            role,
        )
    finally:
        await connection.close()
    response = await person.refresh()
    person.tokens = response.json()


async def test_an_organization_is_created_read_and_changed(person: Person, bootstrap: str) -> None:
    body = {
        "name": "Second Plant",
        "slug": f"second-{uuid4().hex}",
        "industry": "paper",
        "settings": {"a": 1},
    }
    created = await person.send("POST", "/organizations", body)
    assert created.status_code == 201, created.text
    place = created.headers["Location"].removeprefix("/api/v1")
    shown = await person.get(place)
    assert shown["role"] == "owner"
    assert shown["settings"] == {"a": 1}
    assert shown["subscription_tier"] == "free"

    changed = await person.send("PATCH", place, {"description": "The newer one"})
    assert changed.json()["description"] == "The newer one"
    assert changed.json()["settings"] == {"a": 1}
    assert (await person.send("POST", "/organizations", body)).status_code == 409
    assert (await person.send("PATCH", place, {"name": None})).status_code == 422

    listed = (await person.get("/organizations"))["items"]
    assert [organization["name"] for organization in listed] == ["Second Plant", "Plant"]
    async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
        told = await reader.wait_for(ORGANIZATION_CHANGED, 2, organization_id=UUID(shown["id"]))
    assert [event.payload.version for event in told] == [1, 2]


async def test_limits_of_retention_are_checked_and_told(person: Person, bootstrap: str) -> None:
    place = f"/organizations/{person.organization_id}"
    bad = {"settings": {"retention": {"analyses_days": 1, "alerts_days": "90", "unknown": 3}}}
    for method, path, body in (("PATCH", place, bad), ("POST", "/organizations", bad | {"name": "Plant"})):
        refused = await person.send(method, path, body)
        assert refused.status_code == 422, refused.text
        pointers = {error["pointer"] for error in refused.json()["errors"]}
        assert pointers == {"/body/settings/retention/alerts_days", "/body/settings/retention/unknown"}
    outside = await person.send("PATCH", place, {"settings": {"retention": {"analyses_days": 1}}})
    [error] = outside.json()["errors"]
    assert error["pointer"] == "/body/settings/retention/analyses_days"
    assert "30 to 3650 days" in error["detail"]

    good = {"retention": {"analyses_days": 90, "export_audit_logs": True}, "a": 1}
    changed = await person.send("PATCH", place, {"settings": good})
    assert changed.status_code == 200, changed.text
    assert changed.json()["settings"] == good
    async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
        events = await reader.wait_for(
            ORGANIZATION_CHANGED, 1, organization_id=UUID(str(person.organization_id)), version=2
        )
    assert events[0].payload.retention == OwnRetention(analyses_days=90, export_audit_logs=True)


async def test_namesakes_get_different_slugs_and_taken_slugs_are_refused(api: httpx2.AsyncClient) -> None:
    name = f"namesake-{uuid4().hex}"
    first, second, third = [await register(api, organization=name) for _ in range(3)]
    slugs = [(await p.get(f"/organizations/{p.organization_id}"))["slug"] for p in (first, second, third)]
    assert slugs[0] == name
    assert len(set(slugs)) == 3
    assert all(slug.startswith(f"{name}-") for slug in slugs[1:])
    assert (
        await second.send("PATCH", f"/organizations/{second.organization_id}", {"slug": name})
    ).status_code == 409
    assert (
        await first.send("PATCH", f"/organizations/{first.organization_id}", {"slug": name})
    ).status_code == 200


async def test_a_user_without_an_organization_can_create_one(api: httpx2.AsyncClient) -> None:
    loner = await register(api, organization=None)
    assert (await loner.get("/organizations"))["items"] == []
    created = await loner.send("POST", "/organizations", {"name": "Mine"})
    assert created.status_code == 201
    loner.tokens = (await loner.refresh()).json()
    assert (await loner.get("/audit-logs"))["next_cursor"] is None


async def test_members_and_their_roles(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person, bootstrap: str
) -> None:
    colleague = await register(api)
    await join(database, colleague, person.organization_id, "member")
    place = f"/organizations/{person.organization_id}/members"
    listed = (await colleague.get(place))["items"]
    assert [(m["email"], m["role"]) for m in listed] == [(colleague.email, "viewer"), (person.email, "owner")]
    assert (await colleague.send("PATCH", f"{place}/{colleague.id}", {"role": "admin"})).status_code == 403
    assert (await colleague.send("DELETE", f"{place}/{person.id}")).status_code == 403

    raised = await person.send("PATCH", f"{place}/{colleague.id}", {"role": "admin"})
    assert raised.json()["role"] == "admin"
    # With the same token: the role in the database counts.
    assert (await colleague.send("PATCH", f"{place}/{colleague.id}", {"role": "owner"})).status_code == 403
    assert (await colleague.send("PATCH", f"{place}/{person.id}", {"role": "viewer"})).status_code == 403
    assert (await colleague.send("DELETE", f"{place}/{person.id}")).status_code == 403

    for last_owner in (
        await person.send("PATCH", f"{place}/{person.id}", {"role": "admin"}),
        await person.send("DELETE", f"{place}/{person.id}"),
    ):
        assert last_owner.status_code == 409
    assert (await person.send("PATCH", f"{place}/{colleague.id}", {"role": "owner"})).status_code == 200
    assert (await person.send("DELETE", f"{place}/{person.id}")).status_code == 204
    assert (await person.send("GET", place)).status_code == 404

    async with reading(bootstrap, MEMBERSHIP_CHANGED) as reader:
        told = await reader.wait_for(
            MEMBERSHIP_CHANGED, 2, organization_id=person.organization_id, user_id=person.id
        )
    assert [event.payload.deleted for event in told] == [False, True]
    assert told[0].payload.version < told[1].payload.version


async def test_two_owners_cannot_demote_each_other_concurrently(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person
) -> None:
    colleague = await register(api)
    await join(database, colleague, person.organization_id, "owner")
    place = f"/organizations/{person.organization_id}/members"
    for _ in range(5):
        answers = await asyncio.gather(
            person.send("PATCH", f"{place}/{colleague.id}", {"role": "viewer"}),
            colleague.send("PATCH", f"{place}/{person.id}", {"role": "viewer"}),
        )
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses[200] == 1, [answer.text for answer in answers]
        if answers[0].status_code == 200:
            keeper, demoted = person, colleague
        else:
            keeper, demoted = colleague, person
        restored = await keeper.send("PATCH", f"{place}/{demoted.id}", {"role": "owner"})
        assert restored.status_code == 200


async def test_another_organization_is_not_found(api: httpx2.AsyncClient, person: Person) -> None:
    stranger = await register(api)
    place = f"/organizations/{person.organization_id}"
    for method, path, body in [
        ("GET", place, None),
        ("PATCH", place, {"name": "Mine now"}),
        ("GET", f"{place}/members", None),
        ("PATCH", f"{place}/members/{person.id}", {"role": "viewer"}),
        ("DELETE", f"{place}/members/{person.id}", None),
        ("DELETE", f"{place}/members/{stranger.id}", None),
    ]:
        assert (await stranger.send(method, path, body)).status_code == 404, (method, path)
    own = f"/organizations/{stranger.organization_id}/members/{person.id}"
    assert (await stranger.send("DELETE", own)).status_code == 404
    assert (await person.get(place))["name"] == "Plant"


FORGED = [
    ("organizations", "id"),
    ("user_organizations", "organization_id"),
    ("audit_logs", "organization_id"),
]


@pytest.mark.parametrize(("table", "column"), FORGED)
async def test_row_level_security_alone_keeps_organizations_apart(
    api: httpx2.AsyncClient, database: TestDatabase, person: Person, table: str, column: str
) -> None:
    stranger = await register(api)
    connection = await asyncpg.connect(database.dsn("auth"))
    try:
        forged = f"SELECT count(*) FROM {table} WHERE {column} = $1 OR true"
        assert await connection.fetchval(forged, person.organization_id) == 0, "no row without a scope"
        await connection.execute(
            "SELECT set_config('app.organization_id', $1, false)", str(stranger.organization_id)
        )
        foreign = f"SELECT count(*) FROM {table} WHERE {column} = $1"
        assert await connection.fetchval(foreign, person.organization_id) == 0
        if table != "audit_logs":
            assert await connection.fetchval(foreign, stranger.organization_id) == 1
            changed = await connection.execute(
                f"UPDATE {table} SET {column} = {column} WHERE {column} = $1", person.organization_id
            )
            assert changed == "UPDATE 0"
    finally:
        await connection.close()


async def test_seeing_memberships_does_not_allow_creating_them(
    database: TestDatabase, person: Person
) -> None:
    connection = await asyncpg.connect(database.dsn("auth"))
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, false)", str(person.id))
        assert await connection.fetchval("SELECT count(*) FROM user_organizations") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO user_organizations (user_id, organization_id) VALUES ($1, $2)",
                person.id,
                uuid4(),
            )
    finally:
        await connection.close()
