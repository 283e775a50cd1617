"""Single sign-on from the browser's side, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from pydantic import SecretStr, ValidationError

from services.auth.main import create_app
from shared.settings import InstallationSettings
from tests.integration.auth.conftest import auth_settings, register
from tests.integration.auth.mailbox import Mailbox
from tests.support.installation import TestDatabase
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.support.service import running
from tests.support.waiting import eventually

LOGIN, CALLBACK = "/api/v1/auth/oidc/login", "/api/v1/auth/oidc/callback"
REDIRECT = f"https://dinsight.example{CALLBACK}"
COOKIE = "__Host-dinsight_oidc"


@pytest.fixture(scope="module")
async def theirs() -> AsyncIterator[FakeProvider]:
    async with FakeProvider().serving() as provider:
        yield provider


@pytest.fixture(scope="module")
async def sso(
    installation: InstallationSettings, database: TestDatabase, theirs: FakeProvider, mailbox: Mailbox
) -> AsyncIterator[httpx2.AsyncClient]:
    """An auth service that has a provider."""
    settings = auth_settings(
        database,
        mail_url=mailbox.url,
        oidc_issuer=theirs.url,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=SecretStr(CLIENT_SECRET),
        oidc_redirect_url=REDIRECT,
    )
    async with running(create_app(installation, settings), installation) as client:
        yield client


class Browser:
    """Keeps the flow's cookie, as a browser does."""

    def __init__(self, api: httpx2.AsyncClient, theirs: FakeProvider) -> None:
        self.api = api
        self.theirs = theirs
        self.cookie = ""
        self.subject = uuid4().hex
        self.email = f"{uuid4().hex}@example.org"

    async def go(self) -> str:
        response = await self.api.get(LOGIN, follow_redirects=False)
        assert response.status_code == 302, response.text
        assert response.headers["Cache-Control"] == "no-store"
        header = response.headers["Set-Cookie"]
        name, _, self.cookie = header.split(";")[0].partition("=")
        assert name == COOKIE
        attributes = {part.strip().lower() for part in header.split(";")[1:]}
        assert attributes >= {"httponly", "secure", "samesite=lax", "path=/"}
        # What binds the flow is in no address.
        assert self.cookie not in response.headers["Location"]
        return str(response.headers["Location"])

    def sign_in_there(self, place: str, **claims: Any) -> dict[str, str]:
        return self.theirs.sign_in(place, **{"sub": self.subject, "email": self.email, **claims})

    async def come_back(self, query: dict[str, str], cookie: str | None = None) -> httpx2.Response:
        headers = {"Cookie": f"{COOKIE}={cookie or self.cookie}"} if cookie != "" else {}
        return await self.api.get(CALLBACK, params=query, headers=headers)

    async def sign_in(self, **claims: Any) -> httpx2.Response:
        return await self.come_back(self.sign_in_there(await self.go(), **claims))


@pytest.fixture
def browser(sso: httpx2.AsyncClient, theirs: FakeProvider) -> Browser:
    return Browser(sso, theirs)


async def me(api: httpx2.AsyncClient, answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found: dict[str, Any] = (await api.get("/api/v1/users/me", headers=headers)).json()
    return found


async def verify(database: TestDatabase, email: str) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("UPDATE auth.users SET email_verified = true WHERE email = $1", email)
    finally:
        await connection.close()


async def actions_of(database: TestDatabase, subject: str) -> list[tuple[str, dict[str, Any]]]:
    """What the trail says of the user whom the provider names so, oldest first."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        rows = await connection.fetch(
            "SELECT a.action, a.changes::text AS changes FROM auth.audit_logs AS a"
            " JOIN auth.user_identities AS i ON i.user_id = a.user_id"
            " WHERE i.subject = $1 ORDER BY a.created_at, a.id",
            subject,
        )
    finally:
        await connection.close()
    return [(row["action"], row["changes"]) for row in rows]


async def test_without_a_provider_single_sign_on_is_not_found(api: httpx2.AsyncClient) -> None:
    for path in (LOGIN, CALLBACK + "?state=s&code=c"):
        response = await api.get(path)
        assert response.status_code == 404
        assert "not configured" in response.json()["detail"]


def test_a_provider_must_be_configured_completely(database: TestDatabase) -> None:
    with pytest.raises(ValidationError, match="_CLIENT_SECRET"):
        auth_settings(database, oidc_issuer="https://idp.example")


async def test_the_first_sign_in_creates_an_account_that_later_ones_use(
    browser: Browser, database: TestDatabase
) -> None:
    first = await browser.sign_in()
    assert first.headers["Cache-Control"] == "no-store"
    assert f'{COOKIE}=""' in first.headers["Set-Cookie"]
    account = await me(browser.api, first)
    assert (account["email"], account["email_verified"]) == (browser.email, True)
    # The address there may change: the subject is who it is.
    again = await me(browser.api, await browser.sign_in(email=f"{uuid4().hex}@example.org"))
    assert (again["id"], again["email"]) == (account["id"], browser.email)
    # The pair is a normal one.
    pair = (await browser.sign_in()).json()
    refreshed = await browser.api.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert refreshed.status_code == 200

    async def told() -> list[str]:
        actions = [action for action, _ in await actions_of(database, browser.subject)]
        wanted = {"user.registered", "user.identity_linked"} <= set(actions)
        return actions if wanted and actions.count("user.logged_in") == 3 else []

    actions = await eventually(told, what="the trail")
    assert actions[:2] == ["user.registered", "user.identity_linked"]


async def test_an_account_created_by_single_sign_on_has_no_password(browser: Browser) -> None:
    await browser.sign_in()
    for password in ("!", "correct horse battery"):
        body = {"email": browser.email, "password": password}
        assert (await browser.api.post("/api/v1/auth/login", json=body)).status_code == 401


async def test_an_account_with_a_verified_address_is_linked(browser: Browser, database: TestDatabase) -> None:
    person = await register(browser.api)
    await verify(database, person.email)
    account = await me(browser.api, await browser.sign_in(email=person.email.upper()))
    assert account["id"] == str(person.id)


async def test_an_unverified_account_is_not_linked(browser: Browser, database: TestDatabase) -> None:
    """A stranger may have registered the address of a victim, to share the account later."""
    waiting = await register(browser.api)
    response = await browser.sign_in(email=waiting.email)
    assert response.status_code == 409
    assert "Reset the password" in response.json()["detail"]
    # If the owner verifies it nevertheless, linking ends the stranger's access.
    await verify(database, waiting.email)
    assert (await me(browser.api, await browser.sign_in(email=waiting.email)))["id"] == str(waiting.id)
    body = {"email": waiting.email, "password": waiting.password}
    assert (await browser.api.post("/api/v1/auth/login", json=body)).status_code == 401
    assert (await waiting.refresh()).status_code == 401


async def test_another_subject_with_a_linked_address_is_refused(
    browser: Browser, mailbox: Mailbox, sso: httpx2.AsyncClient, theirs: FakeProvider
) -> None:
    account = await me(sso, await browser.sign_in())
    other = Browser(sso, theirs)
    response = await other.sign_in(email=browser.email)
    assert response.status_code == 409
    assert "different account" in response.json()["detail"]
    assert theirs.url in await mailbox.text(browser.email, "provider-refused")
    assert (await me(sso, await browser.sign_in()))["id"] == account["id"]


@pytest.mark.parametrize("known", [False, True])
async def test_only_one_of_several_concurrent_subjects_gets_the_account(
    sso: httpx2.AsyncClient, theirs: FakeProvider, database: TestDatabase, known: bool
) -> None:
    email = f"{uuid4().hex}@example.org"
    if known:
        email = (await register(sso)).email
        await verify(database, email)
    browsers = [Browser(sso, theirs) for _ in range(4)]
    answers = await asyncio.gather(*(browser.sign_in(email=email) for browser in browsers))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_one_subject_can_sign_in_twice_concurrently(
    sso: httpx2.AsyncClient, theirs: FakeProvider
) -> None:
    first, second = Browser(sso, theirs), Browser(sso, theirs)
    second.subject, second.email = first.subject, first.email
    answers = await asyncio.gather(first.sign_in(), second.sign_in())
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_closed_account_cannot_sign_in(browser: Browser, database: TestDatabase) -> None:
    await browser.sign_in()
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("UPDATE auth.users SET is_active = false WHERE email = $1", browser.email)
    finally:
        await connection.close()
    assert (await browser.sign_in()).status_code == 401


async def test_a_state_can_be_used_once(browser: Browser) -> None:
    query = browser.sign_in_there(await browser.go())
    assert (await browser.come_back(query)).status_code == 200
    again = await browser.come_back(query)
    assert again.status_code == 400
    assert "already completed" in again.json()["detail"]
    # A new code does not help.
    query["code"] = browser.sign_in_there(await browser.go())["code"]
    assert (await browser.come_back(query)).status_code == 400


async def test_a_failed_flow_cannot_be_repeated(browser: Browser) -> None:
    query = browser.sign_in_there(await browser.go(), nonce="wrong")
    assert (await browser.come_back(query)).status_code == 401
    assert (await browser.come_back(query)).status_code == 400


async def test_a_flow_belongs_to_the_browser_that_started_it(
    browser: Browser, sso: httpx2.AsyncClient, theirs: FakeProvider
) -> None:
    """Otherwise a link could sign a victim in to the account of the attacker."""
    query = browser.sign_in_there(await browser.go())
    other = Browser(sso, theirs)
    await other.go()
    for cookie in ("", other.cookie, "nonsense"):
        assert (await browser.come_back(query, cookie=cookie)).status_code == 400
    # The attempts did not end the flow.
    assert (await browser.come_back(query)).status_code == 200


async def test_a_code_of_another_flow_is_refused(
    browser: Browser, sso: httpx2.AsyncClient, theirs: FakeProvider
) -> None:
    other = Browser(sso, theirs)
    stolen = browser.sign_in_there(await browser.go())["code"]
    query = other.sign_in_there(await other.go()) | {"code": stolen}
    assert (await other.come_back(query)).status_code == 401


@pytest.mark.parametrize(
    "extra", [{"error": "access_denied", "code": ""}, {"iss": "https://another.example"}], ids=str
)
async def test_an_error_or_a_foreign_issuer_is_refused(browser: Browser, extra: dict[str, str]) -> None:
    query = browser.sign_in_there(await browser.go()) | extra
    query = {name: value for name, value in query.items() if value}
    assert (await browser.come_back(query)).status_code == 401


async def test_failures_are_in_the_audit_trail(browser: Browser, database: TestDatabase) -> None:
    marked = f"user {uuid4().hex}"
    query = browser.sign_in_there(await browser.go(), email_verified=False)
    headers = {"Cookie": f"{COOKIE}={browser.cookie}", "User-Agent": marked}
    assert (await browser.api.get(CALLBACK, params=query, headers=headers)).status_code == 401

    async def told() -> list[Any]:
        connection = await asyncpg.connect(database.admin_dsn)
        try:
            return list(
                await connection.fetch(
                    "SELECT action, changes->>'method' AS method, changes->>'reason' AS reason"
                    " FROM auth.audit_logs WHERE user_agent = $1",
                    marked,
                )
            )
        finally:
            await connection.close()

    [entry] = await eventually(told, what="the trail")
    assert (entry["action"], entry["method"]) == ("user.login_failed", "oidc")
    assert "has not verified" in entry["reason"]


async def test_no_secret_of_a_flow_is_stored(browser: Browser, database: TestDatabase) -> None:
    place = await browser.go()
    query = browser.sign_in_there(place)
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        kept = str(await connection.fetch("SELECT * FROM auth.oidc_flows"))
    finally:
        await connection.close()
    assert browser.cookie not in kept
    assert query["state"] not in kept
