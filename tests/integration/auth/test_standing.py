"""Other services ask whether access still stands that a token gave."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from services.auth.api_keys.domain import parse_key
from tests.integration.auth.conftest import Person
from tests.integration.auth.test_api_keys import join, keys_of
from tests.support.installation import TestDatabase


def of(person: Person, **changes: Any) -> dict[str, Any]:
    payload = person.tokens["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return {
        "user_id": claims["sub"],
        "session_id": claims["sid"],
        "api_key_id": None,
        "organization_id": str(person.organization_id),
    } | changes


async def asked(person: Person, body: Mapping[str, Any]) -> tuple[int, Any]:
    response = await person.api.post("/internal/access", json=dict(body))
    return response.status_code, response.json().get("role")


async def test_a_session_stands_until_it_is_ended(person: Person) -> None:
    access = of(person)
    assert await asked(person, access) == (200, "owner")
    assert await asked(person, access | {"organization_id": None}) == (200, None)
    assert (await person.send("DELETE", f"/users/me/sessions/{access['session_id']}")).status_code == 204
    assert (await asked(person, access))[0] == 401


@pytest.mark.parametrize(
    "change",
    [
        {"session_id": str(uuid4())},
        {"session_id": None},
        {"user_id": str(uuid4())},
        {"organization_id": str(uuid4())},
    ],
)
async def test_what_no_token_said_does_not_stand(person: Person, change: dict[str, Any]) -> None:
    assert (await asked(person, of(person, **change)))[0] == 401


async def test_a_membership_stands_until_it_ends_with_the_role_of_now(
    person: Person, database: TestDatabase
) -> None:
    member = await join(database, person, "operator")
    access = of(member)
    assert await asked(member, access) == (200, "operator")
    place = f"/organizations/{person.organization_id}/members/{access['user_id']}"
    assert (await person.send("PATCH", place, {"role": "viewer"})).status_code == 200
    assert await asked(member, access) == (200, "viewer")
    assert (await person.send("DELETE", place)).status_code == 204
    assert (await asked(member, access))[0] == 401
    assert await asked(member, access | {"organization_id": None}) == (200, None)


async def test_a_key_stands_until_it_is_deleted(person: Person) -> None:
    made = (await person.send("POST", keys_of(person), {"name": "k", "role": "operator"})).json()
    parts = parse_key(made["key"])
    assert parts is not None
    access = of(person, api_key_id=str(parts[0]), session_id=None)
    assert await asked(person, access) == (200, "operator")
    assert (await asked(person, access | {"organization_id": None}))[0] == 401
    assert (await person.send("DELETE", f"{keys_of(person)}/{made['id']}")).status_code == 204
    assert (await asked(person, access))[0] == 401
