"""Invitations: who can send them, who can accept them, and with which role."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from services.auth.invitations.domain import MAX_INVITATIONS
from shared.events.auth import MEMBERSHIP_CHANGED
from tests.integration.auth.conftest import PASSWORD, Person, register
from tests.integration.auth.mailbox import Mailbox
from tests.integration.auth.test_organizations import join
from tests.integration.auth.trail import recorded
from tests.support.installation import TestDatabase
from tests.support.records import reading

ACCEPT = "/users/me/invitations"


def place(person: Person) -> str:
    return f"/organizations/{person.organization_id}/invitations"


async def invite(host: Person, email: str, role: str = "operator") -> httpx2.Response:
    return await host.send("POST", place(host), {"email": email, "role": role})


async def colleague(api: httpx2.AsyncClient, database: TestDatabase, host: Person, role: str) -> Person:
    person = await register(api, organization=None)
    await join(database, person, host.organization_id, role)
    person.organization_id = host.organization_id
    return person


async def test_a_new_user_registers_with_an_invitation(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox, bootstrap: str
) -> None:
    email = f"{uuid4().hex}@example.org"
    invited = await invite(person, email.upper())
    assert invited.status_code == 201, invited.text
    assert invited.json()["email"] == email
    assert invited.headers["Location"] == f"/api/v1{place(person)}/{invited.json()['id']}"
    text = await mailbox.text(email, "invitation")
    assert "A user named “Ada Engineer” invited you to join the organization “Plant”" in text
    token = await mailbox.token(email, "invitation")
    assert token not in invited.text

    form = {"email": email, "password": PASSWORD, "full_name": "Bob", "invitation_token": token}
    both = await api.post("/api/v1/auth/register", json=form | {"organization_name": "Mine"})
    assert both.status_code == 422
    other = await api.post("/api/v1/auth/register", json=form | {"email": "other@example.org"})
    assert other.status_code == 403
    weak = await api.post("/api/v1/auth/register", json=form | {"password": "password-1234"})
    assert weak.status_code == 422
    registered = await api.post("/api/v1/auth/register", json=form)
    assert registered.status_code == 201, registered.text
    assert registered.json()["user"]["email_verified"] is True
    assert registered.json()["organization"]["id"] == str(person.organization_id)
    again = await api.post("/api/v1/auth/register", json=form | {"email": f"x{email}"})
    assert again.status_code == 400
    assert mailbox.messages(email, "verification") == []

    members = (await person.get(f"/organizations/{person.organization_id}/members"))["items"]
    assert {member["email"]: member["role"] for member in members}[email] == "operator"
    assert (await person.get(place(person)))["items"] == []
    async with reading(bootstrap, MEMBERSHIP_CHANGED) as reader:
        [told] = await reader.wait_for(MEMBERSHIP_CHANGED, 1, email=email)
    assert (told.payload.role, told.payload.deleted) == ("operator", False)
    await recorded(person, "invitation.sent", "member.joined")


async def test_a_user_accepts_an_invitation_once(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox
) -> None:
    guest, stranger = await register(api), await register(api)
    await invite(person, guest.email, "viewer")
    token = await mailbox.token(guest.email, "invitation")
    assert (await stranger.send("POST", ACCEPT, {"token": token})).status_code == 403
    assert (await guest.send("POST", ACCEPT, {"token": "no such token"})).status_code == 400
    taken = {"email": guest.email, "password": PASSWORD, "full_name": "G", "invitation_token": token}
    assert (await api.post("/api/v1/auth/register", json=taken)).status_code == 409

    answers = await asyncio.gather(*(guest.send("POST", ACCEPT, {"token": token}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    [accepted] = [answer.json() for answer in answers if answer.status_code == 200]
    assert (accepted["id"], accepted["role"]) == (str(person.organization_id), "viewer")
    assert (await guest.get("/users/me"))["email_verified"] is True
    assert len((await guest.get("/organizations"))["items"]) == 2
    assert (await invite(person, guest.email)).status_code == 409, "already a member"


async def age(database: TestDatabase, email: str) -> None:
    """Make the invitations to an address some minutes old."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        statement = "UPDATE auth.invitations SET created_at = created_at - interval '5 min' WHERE email = $1"
        await connection.execute(statement, email)
    finally:
        await connection.close()


async def test_a_new_invitation_replaces_the_previous_one_and_withdrawal_ends_it(
    api: httpx2.AsyncClient, person: Person, database: TestDatabase, mailbox: Mailbox
) -> None:
    guest = await register(api)
    first = (await invite(person, guest.email, "viewer")).json()
    assert (await invite(person, guest.email, "admin")).status_code == 429, "too soon for the same address"
    await age(database, guest.email)
    second = (await invite(person, guest.email, "admin")).json()
    assert (await person.get(place(person)))["items"] == [second]
    old = await mailbox.token(guest.email, "invitation")
    new = await mailbox.token(guest.email, "invitation", count=2)
    assert (await guest.send("POST", ACCEPT, {"token": old})).status_code == 400
    assert (await person.send("DELETE", f"{place(person)}/{first['id']}")).status_code == 404
    assert (await person.send("DELETE", f"{place(person)}/{second['id']}")).status_code == 204
    assert (await guest.send("POST", ACCEPT, {"token": new})).status_code == 400
    assert (await person.send("DELETE", f"{place(person)}/{second['id']}")).status_code == 404
    assert (await person.get(place(person)))["items"] == []
    assert (await invite(person, guest.email)).status_code == 429, "withdrawing does not call the mail back"
    await age(database, guest.email)
    assert (await invite(person, guest.email)).status_code == 201
    await recorded(person, "invitation.withdrawn")


async def test_nobody_can_invite_above_their_own_role(
    api: httpx2.AsyncClient, person: Person, database: TestDatabase
) -> None:
    admin = await colleague(api, database, person, "admin")
    viewer = await colleague(api, database, person, "viewer")
    email = f"{uuid4().hex}@example.org"
    assert (await invite(viewer, email, "viewer")).status_code == 403
    assert (await invite(admin, email, "owner")).status_code == 403
    assert (await invite(admin, email, "admin")).status_code == 201
    await age(database, email)
    owner = await invite(person, email, "owner")
    assert owner.status_code == 201
    await age(database, email)
    assert (await invite(admin, email, "viewer")).status_code == 403, (
        "it would replace the owner's invitation"
    )
    assert (await admin.send("DELETE", f"{place(admin)}/{owner.json()['id']}")).status_code == 403
    assert [i["role"] for i in (await viewer.get(place(viewer)))["items"]] == ["owner"]
    assert (await viewer.send("DELETE", f"{place(viewer)}/{owner.json()['id']}")).status_code == 403
    assert (await person.send("DELETE", f"{place(person)}/{owner.json()['id']}")).status_code == 204
    assert (await invite(admin, email, "viewer")).status_code == 201, "it no longer replaces anything"


async def test_a_removed_administrator_cannot_return_with_an_invitation(
    api: httpx2.AsyncClient, person: Person, database: TestDatabase, mailbox: Mailbox
) -> None:
    admin, guest = await colleague(api, database, person, "admin"), await register(api)
    assert (await invite(admin, guest.email, "admin")).status_code == 201
    token = await mailbox.token(guest.email, "invitation")
    members = f"/organizations/{person.organization_id}/members"
    assert (await person.send("PATCH", f"{members}/{admin.id}", {"role": "operator"})).status_code == 200
    assert (await guest.send("POST", ACCEPT, {"token": token})).status_code == 400
    assert (await person.send("DELETE", f"{members}/{admin.id}")).status_code == 204
    assert (await guest.send("POST", ACCEPT, {"token": token})).status_code == 400


async def test_the_invitations_of_an_organization_are_limited(person: Person, database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    statement = (
        "INSERT INTO auth.invitations (id, organization_id, email, role, token_hash, invited_by, created_at,"
        " expires_at) SELECT gen_random_uuid(), $1, md5(n::text || $4) || '@example.org', 'viewer',"
        " md5(n::text || $4), $2, now(), now() + interval '1 day' FROM generate_series(1, $3) AS n"
    )
    try:
        await connection.execute(statement, person.organization_id, person.id, MAX_INVITATIONS, uuid4().hex)
    finally:
        await connection.close()
    refused = await invite(person, f"{uuid4().hex}@example.org")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 60


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_the_invitations_of_another_organization_are_hidden(
    api: httpx2.AsyncClient, person: Person, method: str
) -> None:
    stranger = await register(api)
    made = (await invite(person, f"{uuid4().hex}@example.org")).json()
    path = place(person) + (f"/{made['id']}" if method == "DELETE" else "")
    body = {"email": "x@example.org", "role": "viewer"} if method == "POST" else None
    assert (await stranger.send(method, path, body)).status_code == 404
    own = f"{place(stranger)}/{made['id']}"
    assert (await stranger.send("DELETE", own)).status_code == 404
    assert (await person.get(place(person)))["items"] == [made]


async def test_the_response_to_an_acceptance_is_not_stored(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox
) -> None:
    guest = await register(api)
    await invite(person, guest.email)
    token = await mailbox.token(guest.email, "invitation")
    headers = guest.headers | {"Idempotency-Key": "once"}
    answers = [await api.post(f"/api/v1{ACCEPT}", json={"token": token}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400], "the second response is not a stored one"
