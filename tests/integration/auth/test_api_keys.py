"""API keys: who can create them, what they can do, and when they end."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from services.auth.api_keys.domain import parse_key
from shared.tokens import ALGORITHM
from tests.integration.auth.conftest import Person, register
from tests.integration.auth.trail import entry
from tests.support.installation import TestDatabase

EXCHANGE = "/internal/api-keys/token"


@dataclass
class Program:
    """A program with an API key, which it exchanges for a token as the gateway does."""

    api: httpx2.AsyncClient
    key: str

    async def exchange(self) -> httpx2.Response:
        return await self.api.post(EXCHANGE, json={"api_key": self.key})

    async def send(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        answer = await self.exchange()
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return await self.api.request(method, f"/api/v1{path}", headers=headers, json=body)


def keys_of(person: Person) -> str:
    return f"/organizations/{person.organization_id}/api-keys"


async def make(person: Person, role: str = "operator", **values: Any) -> tuple[Program, dict[str, Any]]:
    body = {"name": "historian", "role": role, **values}
    response = await person.send("POST", keys_of(person), body)
    assert response.status_code == 201, response.text
    made = response.json()
    return Program(person.api, made.pop("key")), made


async def join(database: TestDatabase, owner: Person, role: str) -> Person:
    """Another member of the organization."""
    member = await register(owner.api, organization=None)
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute(
            "INSERT INTO auth.user_organizations (user_id, organization_id, role) VALUES ($1, $2, $3)",
            member.id,
            owner.organization_id,
            role,
        )
    finally:
        await connection.close()
    member.organization_id = owner.organization_id
    await member.sign_in()
    return member


async def test_a_key_is_shown_once_and_stored_as_a_hash(person: Person, database: TestDatabase) -> None:
    response = await person.send("POST", keys_of(person), {"name": " historian ", "role": "viewer"})
    made = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    parts = parse_key(made["key"])
    assert parts is not None
    assert (str(parts[0]), made["name"], made["role"]) == (made["id"], "historian", "viewer")
    listed = await person.get(keys_of(person))
    assert listed["items"] == [{name: value for name, value in made.items() if name != "key"}]
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        row = str(await connection.fetchrow("SELECT * FROM auth.api_keys WHERE id = $1", parts[0]))
        outbox = str(await connection.fetch("SELECT value FROM auth.outbox"))
        kept = str(await connection.fetch("SELECT * FROM auth.idempotency_keys"))
    finally:
        await connection.close()
    assert parts[1] not in row + outbox + kept


async def test_the_response_with_the_key_is_not_stored_for_an_idempotency_key(
    person: Person, database: TestDatabase
) -> None:
    path, body = f"/api/v1{keys_of(person)}", {"name": "k", "role": "viewer"}
    headers = person.headers | {"Idempotency-Key": uuid4().hex}
    first, second = [await person.api.post(path, json=body, headers=headers) for _ in range(2)]
    assert first.json()["key"] != second.json()["key"]


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 422), ("member", 422), ("admin", 201), ("operator", 201)]
)
async def test_a_key_cannot_be_an_owner(person: Person, role: str, status: int) -> None:
    response = await person.send("POST", keys_of(person), {"name": "k", "role": role})
    assert response.status_code == status, response.text


async def test_only_administrators_manage_keys(person: Person, database: TestDatabase) -> None:
    operator = await join(database, person, "operator")
    assert (await operator.send("POST", keys_of(person), {"name": "k", "role": "viewer"})).status_code == 403
    assert (await operator.send("GET", keys_of(person))).status_code == 403
    stranger = await register(person.api)
    _, made = await make(person)
    for method, path in (("GET", keys_of(person)), ("DELETE", f"{keys_of(person)}/{made['id']}")):
        assert (await stranger.send(method, path)).status_code == 404
    # Not through the stranger's own organization either.
    assert (await stranger.send("DELETE", f"{keys_of(stranger)}/{made['id']}")).status_code == 404


async def test_an_expiry_in_the_past_is_refused(person: Person) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    body = {"name": "k", "role": "viewer", "expires_at": past}
    response = await person.send("POST", keys_of(person), body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/body/expires_at"


async def test_the_token_has_one_membership_and_identifies_the_key(person: Person) -> None:
    other = await person.send("POST", "/organizations", {"name": "Second"})
    assert other.status_code == 201
    program, made = await make(person, "viewer")
    answer = (await program.exchange()).json()
    assert answer["key_id"] == made["id"]
    found = await program.send("GET", "/organizations")
    assert [(o["id"], o["role"]) for o in found.json()["items"]] == [(str(person.organization_id), "viewer")]
    # Its creator owns another organization, which the key cannot access.
    assert (await program.send("GET", f"/organizations/{other.json()['id']}")).status_code == 404
    assert (await program.send("GET", f"/organizations/{person.organization_id}")).json()["role"] == "viewer"


async def test_a_key_has_the_permissions_of_its_role(person: Person) -> None:
    admin, _ = await make(person, "admin")
    viewer, _ = await make(person, "viewer")
    assert (await admin.send("GET", "/audit-logs")).status_code == 200
    assert (await viewer.send("GET", "/audit-logs")).status_code == 403
    for program in (admin, viewer):
        assert (await program.send("GET", f"/organizations/{person.organization_id}")).status_code == 200


async def test_a_leaked_key_cannot_outlive_its_deletion(person: Person) -> None:
    """Even an administrator's key cannot create keys, invite, or change members and secrets."""
    admin, made = await make(person, "admin")
    place = f"/organizations/{person.organization_id}"
    for method, path, body in (
        ("POST", f"{place}/api-keys", {"name": "k", "role": "viewer"}),
        ("DELETE", f"{place}/api-keys/{made['id']}", None),
        ("POST", f"{place}/invitations", {"email": "mallory@example.org", "role": "admin"}),
        ("DELETE", f"{place}/invitations/{made['id']}", None),
        ("PATCH", f"{place}/members/{person.id}", {"role": "viewer"}),
        ("DELETE", f"{place}/members/{person.id}", None),
        ("PATCH", place, {"settings": {"secrets": {"smtp": "mine"}}}),
        ("POST", "/organizations", {"name": "Mine"}),
    ):
        answer = await admin.send(method, path, body)
        assert answer.status_code == 403, (method, path, answer.text)
        assert "API keys cannot manage" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me"),
        ("PATCH", "/users/me"),
        ("POST", "/users/me/password"),
        ("GET", "/users/me/sessions"),
        ("DELETE", "/users/me/sessions"),
        ("DELETE", f"/users/me/sessions/{UUID(int=1)}"),
        ("POST", "/organizations"),
    ],
)
async def test_a_key_has_no_account(person: Person, method: str, path: str) -> None:
    program, _ = await make(person, "admin")
    bodies = {
        "/users/me": {"full_name": "X"},
        "/users/me/password": {"current_password": "x", "new_password": "correct horse battery"},
        "/organizations": {"name": "X"},
    }
    response = await program.send(method, path, bodies.get(path) if method != "GET" else None)
    assert response.status_code == 403
    assert "API keys cannot manage" in response.json()["detail"]


@pytest.mark.parametrize("text", ["", "dk_", "nonsense", f"dk_{'0' * 32}_{'0' * 64}", "dk_\x00"])
async def test_a_malformed_key_is_refused(api: httpx2.AsyncClient, text: str) -> None:
    assert (await api.post(EXCHANGE, json={"api_key": text})).status_code == 401


async def test_a_key_with_a_wrong_secret_is_refused(person: Person) -> None:
    first, _ = await make(person)
    second, _ = await make(person)
    mixed = first.key.rpartition("_")[0] + "_" + second.key.rpartition("_")[2]
    assert (await Program(person.api, mixed).exchange()).status_code == 401
    assert (await Program(person.api, first.key + " ").exchange()).status_code == 401


async def test_the_token_of_a_key_expires_with_the_key(person: Person) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    program, _ = await make(person, expires_at=soon.isoformat())
    answer = (await program.exchange()).json()
    [_, payload, _] = answer["access_token"].split(".")
    expires_at = json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"]
    assert expires_at <= soon.timestamp()
    assert answer["expires_in"] <= 60


async def test_a_deleted_key_is_refused(person: Person) -> None:
    program, made = await make(person)
    place = f"{keys_of(person)}/{made['id']}"
    assert (await program.exchange()).status_code == 200
    assert (await person.send("DELETE", place)).status_code == 204
    assert (await program.exchange()).status_code == 401
    assert (await person.send("DELETE", place)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth.api_keys SET expires_at = now() WHERE id = $1",
        "UPDATE auth.organizations AS o SET is_active = false FROM auth.api_keys AS k"
        " WHERE o.id = k.organization_id AND k.id = $1",
        "UPDATE auth.users AS u SET is_active = false FROM auth.api_keys AS k"
        " WHERE u.id = k.created_by AND k.id = $1",
        "DELETE FROM auth.user_organizations AS m USING auth.api_keys AS k"
        " WHERE m.user_id = k.created_by AND k.id = $1",
    ],
    ids=["expired", "organization closed", "account closed", "creator left"],
)
async def test_a_key_ends_with_what_it_depends_on(
    person: Person, database: TestDatabase, change: str
) -> None:
    program, made = await make(person)
    assert (await program.exchange()).status_code == 200
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute(change, UUID(made["id"]))
    finally:
        await connection.close()
    assert (await program.exchange()).status_code == 401


async def test_a_key_is_limited_to_the_current_role_of_its_creator(
    person: Person, database: TestDatabase
) -> None:
    admin = await join(database, person, "admin")
    program, _ = await make(admin, "admin")
    lowered = await person.send(
        "PATCH", f"/organizations/{person.organization_id}/members/{admin.id}", {"role": "viewer"}
    )
    assert lowered.status_code == 200
    token = (await program.exchange()).json()["access_token"]
    claims = jwt.decode(token, await _keys(person), algorithms=[ALGORITHM]).claims
    assert [membership["role"] for membership in claims["memberships"]] == ["viewer"]
    assert (await program.send("GET", "/audit-logs")).status_code == 403


async def _keys(person: Person) -> KeySet:
    return KeySet.import_key_set((await person.api.get("/api/v1/auth/jwks.json")).json())


async def test_a_key_cannot_end_the_membership_of_its_creator(person: Person, database: TestDatabase) -> None:
    admin = await join(database, person, "admin")
    program, _ = await make(admin, "viewer")
    place = f"/organizations/{person.organization_id}/members/{admin.id}"
    assert (await program.send("DELETE", place)).status_code == 403
    # Its creator can.
    assert (await admin.send("DELETE", place)).status_code == 204


async def test_the_keys_of_a_member_who_leaves_are_deleted_for_good(
    person: Person, database: TestDatabase
) -> None:
    admin = await join(database, person, "admin")
    program, made = await make(admin)
    place = f"/organizations/{person.organization_id}/members/{admin.id}"
    assert (await person.send("DELETE", place)).status_code == 204
    assert (await person.get(keys_of(person)))["items"] == []
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute(
            "INSERT INTO auth.user_organizations (user_id, organization_id, role) VALUES ($1, $2, 'admin')",
            admin.id,
            person.organization_id,
        )
    finally:
        await connection.close()
    assert (await program.exchange()).status_code == 401
    deleted = await entry(person, "api_key.deleted")
    assert (deleted["resource_id"], deleted["user_id"]) == (made["id"], str(person.id))


async def test_the_last_use_is_recorded(person: Person) -> None:
    program, made = await make(person)
    assert made["last_used_at"] is None
    await program.exchange()
    [first] = (await person.get(keys_of(person)))["items"]
    assert first["last_used_at"] is not None
    await program.exchange()
    assert (await person.get(keys_of(person)))["items"] == [first]


async def test_the_audit_trail_names_the_key(person: Person) -> None:
    """Other services record what a key does; auth records its creation and deletion."""
    _, made = await make(person, "admin")
    await person.send("DELETE", f"{keys_of(person)}/{made['id']}")
    created, deleted = await entry(person, "api_key.created"), await entry(person, "api_key.deleted")
    assert created["user_id"] == deleted["user_id"] == str(person.id)
    assert created["api_key_id"] is None
    assert created["resource_id"] == made["id"]
    assert created["changes"]["after"]["name"] == "historian"
