"""Verification of addresses and password reset, with the messages that the service sends."""

import asyncio
from functools import partial
from uuid import uuid4

import asyncpg
import httpx2

from services.auth.main import create_app
from services.auth.sign_in.domain import FREE_FAILURES
from shared.settings import InstallationSettings
from tests.integration.auth.conftest import PASSWORD, Person, auth_settings, register
from tests.integration.auth.guessing import until_refused
from tests.integration.auth.mailbox import Mailbox
from tests.integration.auth.trail import entry, recorded
from tests.support.installation import TestDatabase
from tests.support.service import running
from tests.support.waiting import eventually

NEW_PASSWORD = "a different battery"


async def post(api: httpx2.AsyncClient, path: str, **body: object) -> httpx2.Response:
    return await api.post(f"/api/v1{path}", json=body)


async def test_an_address_is_verified_once(api: httpx2.AsyncClient, person: Person, mailbox: Mailbox) -> None:
    token = await mailbox.token(person.email, "verification")
    assert (await person.get("/users/me"))["email_verified"] is False
    assert (await post(api, "/auth/verify-email", token=token + "x")).status_code == 400
    assert (await post(api, "/auth/reset-password", token=token, password=NEW_PASSWORD)).status_code == 400

    answers = await asyncio.gather(*(post(api, "/auth/verify-email", token=token) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400]
    assert (await person.get("/users/me"))["email_verified"] is True
    assert (await person.send("POST", "/users/me/verification")).status_code == 409
    await recorded(person, "user.email_verified")


async def test_the_link_is_not_resent_immediately(person: Person, mailbox: Mailbox) -> None:
    await mailbox.text(person.email, "verification")
    assert (await person.send("POST", "/users/me/verification")).status_code == 202
    assert (await person.send("POST", "/auth/forgot-password", {"email": person.email})).status_code == 202
    await mailbox.text(person.email, "reset")
    assert len(mailbox.messages(person.email, "verification")) == 1


async def test_a_password_reset_sets_a_new_password_and_ends_all_sessions(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox
) -> None:
    assert (await post(api, "/auth/forgot-password", email=person.email.upper())).status_code == 202
    token = await mailbox.token(person.email, "reset")
    weak = await post(api, "/auth/reset-password", token=token, password="DInsight-2026!")
    assert weak.status_code == 422, "a refused password does not use the token"
    assert weak.json()["errors"][0]["pointer"] == "/body/password"
    assert (await post(api, "/auth/reset-password", token=token, password=NEW_PASSWORD)).status_code == 204
    assert (await post(api, "/auth/reset-password", token=token, password=NEW_PASSWORD)).status_code == 400

    assert (await person.refresh()).status_code == 401
    assert (await post(api, "/auth/login", email=person.email, password=PASSWORD)).status_code == 401
    person.password = NEW_PASSWORD
    await person.sign_in()
    assert (await person.get("/users/me"))["email_verified"] is True, "the link came by mail"
    assert "was changed" in await mailbox.text(person.email, "password-changed")
    await recorded(person, "user.password_reset", "user.email_verified")
    asked = await entry(person, "user.password_reset_requested")
    assert asked["ip_address"] == "127.0.0.1", "where the request came from"


async def test_a_password_change_is_reported_by_mail(person: Person, mailbox: Mailbox) -> None:
    weak = {"current_password": PASSWORD, "new_password": "123456789012"}
    refused = await person.send("POST", "/users/me/password", weak)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/body/new_password"
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await person.send("POST", "/users/me/password", change)).status_code == 204
    await mailbox.text(person.email, "password-changed")


async def test_a_password_change_revokes_reset_links(person: Person, mailbox: Mailbox) -> None:
    await post(person.api, "/auth/forgot-password", email=person.email)
    token = await mailbox.token(person.email, "reset")
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await person.send("POST", "/users/me/password", change)).status_code == 204
    late = await post(person.api, "/auth/reset-password", token=token, password="yet another battery")
    assert late.status_code == 400


async def test_reset_requests_get_the_same_response_and_are_throttled_per_address(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox
) -> None:
    stranger = f"{uuid4().hex}@example.org"
    contents = []
    for email in (person.email, stranger):
        ask = partial(post, api, "/auth/forgot-password", email=email)
        answers = [await ask() for _ in range(FREE_FAILURES)]
        assert {answer.status_code for answer in answers} == {202}
        await until_refused(ask)
        contents.append([answer.content for answer in answers])
    assert contents[0] == contents[1]
    await mailbox.text(person.email, "reset", count=3)
    person.password = NEW_PASSWORD
    # Any of the three links works; after that, none does.
    token = await mailbox.token(person.email, "reset")
    assert (await post(api, "/auth/reset-password", token=token, password=NEW_PASSWORD)).status_code == 204
    later = await mailbox.token(person.email, "reset", count=3)
    assert (await post(api, "/auth/reset-password", token=later, password=PASSWORD)).status_code == 400
    assert len(mailbox.messages(person.email, "reset")) == 3
    assert mailbox.messages(stranger, "reset") == []


async def test_no_token_is_stored_in_the_database(
    api: httpx2.AsyncClient, person: Person, mailbox: Mailbox, database: TestDatabase
) -> None:
    verification = await mailbox.token(person.email, "verification")
    await post(api, "/auth/forgot-password", email=person.email)
    reset = await mailbox.token(person.email, "reset")
    connection = await asyncpg.connect(database.admin_dsn)
    try:

        async def done() -> bool:
            rows = await connection.fetch("SELECT sealed FROM auth.mail WHERE status = 'sent'")
            waiting = await connection.fetchval("SELECT count(*) FROM auth.mail WHERE status = 'waiting'")
            return bool(rows) and not waiting and all(row["sealed"] is None for row in rows)

        await eventually(done, what="all messages sent and deleted")
        for table in ("mail", "one_time_tokens", "outbox", "audit_logs", "idempotency_keys"):
            text = "\n".join(
                str(row) for row in await connection.fetch(f"SELECT t::text FROM auth.{table} t")
            )
            assert verification not in text
            assert reset not in text
    finally:
        await connection.close()


async def test_registration_hides_taken_addresses_if_verification_is_required(
    installation: InstallationSettings, database: TestDatabase, person: Person, mailbox: Mailbox
) -> None:
    settings = auth_settings(database, mail_url=mailbox.url, require_verified_email=True)
    async with running(create_app(installation, settings), installation) as strict:
        fresh = f"{uuid4().hex}@example.org"
        form = {"password": PASSWORD, "full_name": "Eve", "organization_name": f"Plant {uuid4().hex}"}
        taken = await post(strict, "/auth/register", email=person.email, **form)
        free = await post(strict, "/auth/register", email=fresh, **form)
        assert (taken.status_code, free.status_code) == (201, 201)
        assert _shape(taken.json(), person.email) == _shape(free.json(), fresh)
        notice = await mailbox.text(person.email, "registration-repeated")
        assert "tried to create a DInsight account" in notice

        wrong = await post(strict, "/auth/login", email=fresh, password="not the right one")
        right = await post(strict, "/auth/login", email=fresh, password=PASSWORD)
        assert (wrong.status_code, right.status_code) == (401, 403)
        assert "Verify" in right.json()["detail"]
        token = await mailbox.token(fresh, "verification")
        assert (await post(strict, "/auth/verify-email", token=token)).status_code == 204
        assert (await post(strict, "/auth/login", email=fresh, password=PASSWORD)).status_code == 200
    assert (await person.get("/users/me"))["full_name"] == "Ada Engineer", "nothing of the other is left"
    assert len((await person.get("/organizations"))["items"]) == 1


def _shape(answer: dict[str, dict[str, object]], email: str) -> object:
    """The response without ids and times."""
    assert answer["user"]["email"] == email
    varying = ("id", "created_at", "updated_at", "email")
    return {part: {n: v for n, v in values.items() if n not in varying} for part, values in answer.items()}


async def test_registration_hides_taken_addresses_without_verification_too(
    person: Person, mailbox: Mailbox
) -> None:
    form = {"email": person.email, "password": PASSWORD, "full_name": "Eve"}
    assert (await post(person.api, "/auth/register", **form)).status_code == 201
    assert "already have" in await mailbox.text(person.email, "registration-repeated")
    assert (await person.get("/users/me"))["full_name"] == "Ada Engineer"


async def test_a_token_changes_only_its_own_account(api: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    """A token only changes its own account."""
    first, second = await register(api), await register(api)
    await post(api, "/auth/forgot-password", email=first.email)
    token = await mailbox.token(first.email, "reset")
    assert (await post(api, "/auth/reset-password", token=token, password=NEW_PASSWORD)).status_code == 204
    assert (await second.refresh()).status_code == 200
    await second.sign_in()
