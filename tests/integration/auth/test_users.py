"""Profile, password, sessions."""

from uuid import uuid4

import httpx2

from services.auth.sign_in.domain import FREE_FAILURES
from shared.events.auth import MEMBERSHIP_CHANGED
from tests.integration.auth.conftest import Person, register
from tests.integration.auth.guessing import until_refused
from tests.support.records import reading

NEW_PASSWORD = "a different battery"


async def second_session(person: Person) -> Person:
    other = Person(person.api, person.email, person.id, person.organization_id)
    await other.sign_in(**{"User-Agent": "the other browser"})
    return other


async def test_a_changed_name_is_published(person: Person, bootstrap: str) -> None:
    before = await person.get("/users/me")
    assert before["last_login"] is not None
    assert (await person.send("PATCH", "/users/me", {})).json() == before

    changed = await person.send("PATCH", "/users/me", {"full_name": "Ada Lovelace"})
    assert changed.status_code == 200, changed.text
    assert (await person.get("/users/me"))["full_name"] == "Ada Lovelace"
    assert (await person.send("PATCH", "/users/me", {"full_name": None})).status_code == 422
    assert (await person.send("PATCH", "/users/me", {"email": "x@example.org"})).status_code == 422

    async with reading(bootstrap, MEMBERSHIP_CHANGED) as reader:
        told = await reader.wait_for(MEMBERSHIP_CHANGED, 2, user_id=person.id)
    assert [event.payload.full_name for event in told] == ["Ada Engineer", "Ada Lovelace"]
    assert told[0].payload.version < told[1].payload.version


async def test_a_new_password_ends_the_other_sessions(person: Person) -> None:
    other = await second_session(person)
    body = {"current_password": "wrong, all wrong", "new_password": NEW_PASSWORD}
    assert (await person.send("POST", "/users/me/password", body)).status_code == 403
    body["current_password"] = person.password
    assert (await person.send("POST", "/users/me/password", body)).status_code == 204

    assert (await other.refresh()).status_code == 401
    assert (await person.refresh()).status_code == 200
    old = await person.api.post(
        "/api/v1/auth/login", json={"email": person.email, "password": person.password}
    )
    assert old.status_code == 401
    person.password = NEW_PASSWORD
    await person.sign_in()


async def test_guessing_the_current_password_is_throttled(person: Person) -> None:
    body = {"current_password": "wrong, all wrong", "new_password": NEW_PASSWORD}

    async def guess() -> httpx2.Response:
        return await person.send("POST", "/users/me/password", body)

    assert [(await guess()).status_code for _ in range(FREE_FAILURES)] == [403] * FREE_FAILURES
    await until_refused(guess)


async def test_sessions_are_listed_and_ended_one_by_one(person: Person) -> None:
    other = await second_session(person)
    first, second = (await person.get("/users/me/sessions"))["items"]
    assert first["user_agent"] == "the other browser"
    assert (first["current"], second["current"]) == (False, True)
    page = await person.get("/users/me/sessions", limit=1)
    assert page["items"] == [first]
    assert (await person.get("/users/me/sessions", cursor=page["next_cursor"]))["items"] == [second]

    assert (await person.send("DELETE", f"/users/me/sessions/{first['id']}")).status_code == 204
    assert (await person.send("DELETE", f"/users/me/sessions/{first['id']}")).status_code == 404
    assert (await person.send("DELETE", f"/users/me/sessions/{uuid4()}")).status_code == 404
    assert (await other.refresh()).status_code == 401
    assert (await person.refresh()).status_code == 200


async def test_all_other_sessions_can_be_ended(person: Person) -> None:
    others = [await second_session(person) for _ in range(2)]
    assert (await person.send("DELETE", "/users/me/sessions")).status_code == 204
    assert [(await other.refresh()).status_code for other in others] == [401, 401]
    assert (await person.refresh()).status_code == 200


async def test_a_user_cannot_end_the_session_of_another(person: Person, api: httpx2.AsyncClient) -> None:
    stranger = await register(api)
    [session] = (await person.get("/users/me/sessions"))["items"]
    assert (await stranger.send("DELETE", f"/users/me/sessions/{session['id']}")).status_code == 404
    assert (await person.refresh()).status_code == 200
