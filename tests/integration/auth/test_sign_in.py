"""Registration, signing in and out, and refreshing tokens."""

import asyncio
import json
from uuid import UUID

import asyncpg
import httpx2
import pytest

from services.auth.sign_in.domain import FREE_FAILURES
from shared.events.auth import AUDIT_RECORDED, MEMBERSHIP_CHANGED, ORGANIZATION_CHANGED
from shared.tokens import TokenVerifier
from tests.integration.auth.conftest import PASSWORD, Person, register
from tests.integration.auth.guessing import until_refused
from tests.support.installation import TestDatabase
from tests.support.records import reading


async def sql(database: TestDatabase, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def test_registration_creates_an_organization_and_publishes_it(
    api: httpx2.AsyncClient, bootstrap: str
) -> None:
    body = {
        "email": "Ada.Engineer@Example.ORG",
        "password": PASSWORD,
        "full_name": "  Ada Engineer ",
        "organization_name": "Grünwald Pumpen & Söhne",
    }
    response = await api.post("/api/v1/auth/register", json=body)
    assert response.status_code == 201, response.text
    user, organization = response.json()["user"], response.json()["organization"]
    assert user["email"] == "ada.engineer@example.org"
    assert user["full_name"] == "Ada Engineer"
    assert (user["role"], user["email_verified"]) == ("user", False)
    assert organization["slug"] == "grunwald-pumpen-sohne"
    assert "password" not in response.text

    again = await api.post("/api/v1/auth/register", json=body | {"email": "ada.engineer@example.org"})
    assert again.status_code == 201, "the same answer as for a free address"
    assert again.json()["user"]["id"] != user["id"]

    async with reading(bootstrap, ORGANIZATION_CHANGED, MEMBERSHIP_CHANGED, AUDIT_RECORDED) as reader:
        organization_id, user_id = UUID(organization["id"]), UUID(user["id"])
        [founded] = await reader.wait_for(ORGANIZATION_CHANGED, 1, organization_id=organization_id)
        assert founded.payload.slug == organization["slug"]
        [joined] = await reader.wait_for(MEMBERSHIP_CHANGED, 1, organization_id=organization_id)
        assert joined.key == f"{organization_id}:{user_id}"
        assert (joined.payload.role, joined.payload.is_active) == ("owner", True)
        audited = await reader.wait_for(AUDIT_RECORDED, 4, user_id=user_id)
        # Their keys differ, and so may their partitions: only events of one key stay in order.
        actions = {"user.registered", "organization.created", "user.verification_sent"}
        actions.add("user.registration_repeated")
        assert {e.payload.action for e in audited} == actions


async def test_the_database_never_receives_a_password(person: Person, database: TestDatabase) -> None:
    [row] = await sql(database, "SELECT password_hash FROM auth.users WHERE id = $1", person.id)
    assert row["password_hash"].startswith("$2a$04$")
    [plain] = await sql(
        database,
        "SELECT crypt($1, password_hash) = password_hash AS same FROM auth.users WHERE id = $2",
        PASSWORD,
        person.id,
    )
    assert plain["same"] is False


async def test_an_access_token_verifies_with_the_published_keys(
    api: httpx2.AsyncClient, person: Person
) -> None:
    keys = (await api.get("/api/v1/auth/jwks.json")).json()
    assert all("d" not in key for key in keys["keys"])

    async def fetch() -> dict[str, object]:
        return dict(keys)

    identity = await TokenVerifier(fetch).verify(person.tokens["access_token"])
    assert identity.user_id == person.id
    assert identity.email == person.email
    assert {id_: role.label for id_, role in identity.memberships.items()} == {
        person.organization_id: "owner"
    }
    [session] = (await person.get("/users/me/sessions"))["items"]
    assert session["id"] == str(identity.session_id)
    assert session["current"] is True


async def test_unknown_addresses_and_wrong_passwords_get_the_same_response(
    api: httpx2.AsyncClient, person: Person
) -> None:
    known = {"email": person.email, "password": "not the right one"}
    unknown = {"email": "nobody@example.org", "password": "not the right one"}
    answers = [await api.post("/api/v1/auth/login", json=body) for body in (known, unknown)]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = ({k: v for k, v in a.json().items() if k != "trace_id"} for a in answers)
    assert first == second


async def test_a_refresh_token_can_be_used_once_and_reuse_ends_the_session(
    person: Person, database: TestDatabase
) -> None:
    stolen = person.tokens["refresh_token"]
    response = await person.refresh()
    assert response.status_code == 200, response.text
    person.tokens = response.json()
    assert person.tokens["refresh_token"] != stolen

    # The stolen token is presented long after the rotation.
    await sql(
        database,
        "UPDATE auth.refresh_tokens SET rotated_at = rotated_at - interval '1 minute' WHERE user_id = $1",
        person.id,
    )
    reuse = await person.api.post("/api/v1/auth/refresh", json={"refresh_token": stolen})
    assert reuse.status_code == 401
    assert (await person.refresh()).status_code == 401, "the session must end for the owner, too"
    # Only a new sign-in helps.
    await person.sign_in()
    assert (await person.refresh()).status_code == 200


async def test_a_refresh_whose_response_was_lost_can_be_repeated(person: Person) -> None:
    first, again = await person.refresh(), await person.refresh()
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["refresh_token"] == again.json()["refresh_token"]
    assert len((await person.get("/users/me/sessions"))["items"]) == 1
    person.tokens = again.json()
    assert (await person.refresh()).status_code == 200


async def test_tabs_that_refresh_at_once_or_one_after_the_other_share_one_token(person: Person) -> None:
    oldest = person.tokens["refresh_token"]
    answers = await asyncio.gather(*(person.refresh() for _ in range(5)))
    [shared] = {answer.json()["refresh_token"] for answer in answers}
    person.tokens["refresh_token"] = shared
    newest = (await person.refresh()).json()["refresh_token"]
    # A tab that slept through both rotations finds its way to the newest token.
    person.tokens["refresh_token"] = oldest
    assert (await person.refresh()).json()["refresh_token"] == newest


async def test_signing_out_ends_the_session(person: Person) -> None:
    body = {"refresh_token": person.tokens["refresh_token"]}
    for _ in range(2):
        assert (await person.api.post("/api/v1/auth/logout", json=body)).status_code == 204
    assert (await person.refresh()).status_code == 401


async def test_guessing_is_delayed_for_the_guesser_only(api: httpx2.AsyncClient) -> None:
    victim = await register(api)

    async def guess(password: str = "guess number one") -> httpx2.Response:
        body = {"email": victim.email, "password": password}
        return await api.post("/api/v1/auth/login", json=body, headers={"X-Forwarded-For": "192.0.2.9"})

    async def guess_right_at_last() -> httpx2.Response:
        await until_refused(guess)
        return await guess(PASSWORD)

    assert [(await guess()).status_code for _ in range(FREE_FAILURES)] == [401] * FREE_FAILURES
    refused = await until_refused(guess_right_at_last)
    assert int(refused.headers["Retry-After"]) >= 1
    await victim.sign_in(**{"X-Forwarded-For": "192.0.2.10"})


@pytest.mark.parametrize(
    "change",
    [
        {"email": "no address"},
        {"password": "too short"},
        {"password": "x" * 129},
        {"password": "\ud800" * 12},
        {"email": "a\ud800@example.org"},
        {"email": "a\u0000@example.org"},
        {"full_name": "  "},
        {"full_name": "a\u0000b"},
        {"full_name": "\ud800"},
        {"organization_name": "x" * 256},
        {"password": "qwertyuiopas"},
        {"password": "Sunshine2026!"},
        {"invitation_token": ""},
        {"more": 1},
    ],
)
async def test_invalid_registrations_point_to_the_field(
    api: httpx2.AsyncClient, change: dict[str, object]
) -> None:
    body = {"email": "x@example.org", "password": PASSWORD, "full_name": "X"} | change
    response = await api.post(
        "/api/v1/auth/register", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"] == f"/body/{next(iter(change))}"
    assert PASSWORD not in response.text


async def test_secrets_are_never_stored_for_an_idempotency_key(
    person: Person, database: TestDatabase
) -> None:
    async def send(path: str, body: dict[str, str]) -> httpx2.Response:
        headers = person.headers | {"Idempotency-Key": "once"}
        return await person.api.post(f"/api/v1{path}", json=body, headers=headers)

    refreshed = await send("/auth/refresh", {"refresh_token": person.tokens["refresh_token"]})
    assert refreshed.status_code == 200
    change = {"current_password": PASSWORD, "new_password": "a different battery"}
    assert (await send("/users/me/password", change)).status_code == 204
    kept = "SELECT count(*) AS n FROM auth.idempotency_keys WHERE user_id = $1"
    assert (await sql(database, kept, person.id))[0]["n"] == 0

    founded = [await send("/organizations", {"name": "Once"}) for _ in range(2)]
    assert founded[0].json() == founded[1].json()
    assert (await sql(database, kept, person.id))[0]["n"] == 1
