"""What administrators of the installation and of organizations end, over HTTP and in the database."""

from uuid import uuid4

import httpx2
import pytest

from dinsight.administrators.accounts import administrators, set_administrator
from tests.integration.auth.conftest import Person, register
from tests.integration.auth.test_api_keys import join, make
from tests.integration.auth.trail import entry
from tests.support.installation import TestDatabase


@pytest.fixture
async def root(api: httpx2.AsyncClient, database: TestDatabase) -> Person:
    """An administrator of the installation, who belongs to no organization."""
    person = await register(api, organization=None)
    assert await set_administrator(database.admin_dsn, person.email, True)
    return person


async def test_the_command_grants_and_takes_away(
    root: Person, api: httpx2.AsyncClient, database: TestDatabase
) -> None:
    assert root.email in {user.email for user in await administrators(database.admin_dsn)}
    assert not await set_administrator(database.admin_dsn, "nobody@example.org", True)
    assert await set_administrator(database.admin_dsn, root.email, False)
    assert (await root.send("GET", "/users")).status_code == 403


async def test_an_account_is_found_closed_and_opened(
    root: Person, person: Person, database: TestDatabase
) -> None:
    program, _ = await make(person)
    [found] = (await root.get("/users", email=person.email.upper()))["items"]
    assert found["id"] == str(person.id)
    account = await root.get(f"/users/{person.id}")
    assert [each["id"] for each in account["organizations"]] == [str(person.organization_id)]
    closed = await root.send("PATCH", f"/users/{person.id}", {"is_active": False})
    assert (closed.status_code, closed.json()["is_active"]) == (200, False)
    assert (await person.send("GET", "/users/me")).status_code == 401
    assert (await person.refresh()).status_code == 401
    assert (await program.exchange()).status_code == 401
    credentials = {"email": person.email, "password": person.password}
    assert (await person.api.post("/api/v1/auth/login", json=credentials)).status_code == 401
    assert (await root.send("PATCH", f"/users/{person.id}", {"is_active": True})).status_code == 200
    await person.sign_in()
    assert (await program.exchange()).status_code == 200


async def test_sessions_of_anybody_are_ended(root: Person, person: Person) -> None:
    assert (await root.send("DELETE", f"/users/{person.id}/sessions")).status_code == 204
    refused = await person.send("GET", "/users/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "access-ended")
    await person.sign_in()
    assert (await root.send("DELETE", f"/users/{uuid4()}/sessions")).status_code == 404


async def test_an_organization_is_deactivated_and_activated(root: Person, person: Person) -> None:
    program, _ = await make(person)
    place = f"/installation/organizations/{person.organization_id}"
    found = await root.send("PATCH", place, {"is_active": False})
    assert (found.status_code, found.json()["is_active"]) == (200, False)
    assert (await person.send("GET", f"/organizations/{person.organization_id}")).status_code == 404
    assert (await person.get("/organizations"))["items"] == []
    assert (await program.exchange()).status_code == 401
    alone = await person.send("DELETE", "/users/me")
    assert (alone.status_code, alone.json()["code"]) == (409, "last-owner"), "it may be activated again"
    assert (await root.send("PATCH", place, {"is_active": True})).status_code == 200
    assert (await program.exchange()).status_code == 200
    assert await entry(person, "organization.deactivated")
    assert (await root.send("PATCH", f"/installation/organizations/{uuid4()}", {"is_active": False})).is_error


async def test_what_was_deleted_is_not_opened_again(root: Person, api: httpx2.AsyncClient) -> None:
    alone = await register(api, organization=None)
    assert (await alone.send("DELETE", "/users/me")).status_code == 202
    assert (await root.send("PATCH", f"/users/{alone.id}", {"is_active": True})).status_code == 404
    assert (await root.get("/users", email=alone.email))["items"] == []


async def test_nobody_else_sees_or_ends_anything(person: Person) -> None:
    """The same answer for what exists and what does not."""
    for user in (person.id, uuid4()):
        for method, path, body in (
            ("GET", "/users", None),
            ("GET", f"/users/{user}", None),
            ("PATCH", f"/users/{user}", {"is_active": False}),
            ("DELETE", f"/users/{user}/sessions", None),
            ("GET", f"/installation/organizations/{person.organization_id}", None),
            ("PATCH", f"/installation/organizations/{uuid4()}", {"is_active": False}),
        ):
            refused = await person.send(method, path, body)
            assert (refused.status_code, refused.json()["code"]) == (403, "administrators-only"), path


async def test_a_member_is_suspended_by_an_administrator_of_the_organization(
    person: Person, database: TestDatabase
) -> None:
    member = await join(database, person, "admin")
    program, _ = await make(member)
    place = f"/organizations/{person.organization_id}/members/{member.id}"
    suspended = await person.send("PATCH", place, {"is_active": False})
    assert (suspended.status_code, suspended.json()["is_active"]) == (200, False)
    assert (await member.send("GET", f"/organizations/{person.organization_id}/members")).status_code == 404
    assert (await program.exchange()).status_code == 401
    assert (await member.refresh()).status_code == 200, "the account itself is not closed"
    assert (await person.send("PATCH", place, {"is_active": True})).status_code == 200
    assert (await program.exchange()).status_code == 200
    assert (await person.send("PATCH", place, {})).status_code == 200
    for wrong in ({"is_active": None}, {"is_active": "no", "x": 1}):
        assert (await person.send("PATCH", place, wrong)).status_code == 422
