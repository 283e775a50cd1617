"""Sessions in cookies: where they may be kept, how long tokens fit, and how they are refreshed."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.sessions import domain
from services.web.sessions.domain import MAX_CHUNK, Place, Session
from services.web.settings import Settings
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser

OVERVIEW = f"/o/{ORGANIZATION}/overview"
# Long enough not to stand in a page by chance, as two characters do in a random token of a form.
REFRESH_TOKEN = "refresh-token-of-this-session"
EMPTY: dict[tuple[str, str], Any] = {
    ("GET", "/fleet"): {"items": [], "next_cursor": None},
    ("GET", "/alerts"): {"items": [], "next_cursor": None},
}


@pytest.mark.parametrize(
    ("scheme", "host", "cookie"),
    [
        ("https", "plant.example.org", "__Host-session"),
        ("https", "localhost:8000", "__Host-session"),
        ("http", "localhost:8000", "session_local_8000"),
        ("http", "127.0.0.1", "session_local_80"),
        ("http", "[::1]:8000", "session_local_8000"),
        ("http", "plant.example.org", None),
        ("http", "localhost.example.org", None),
        ("http", "127.0.0.1.example.org:8000", None),
        ("http", "[::1", None),
    ],
)
def test_a_session_is_kept_only_where_nobody_on_the_way_can_read_it(
    scheme: str, host: str, cookie: str | None
) -> None:
    assert Place(scheme, host).cookie == cookie
    if cookie is None:
        assert Place(scheme, host, allows_plain_http=True).cookie == "session_plain"


@pytest.mark.parametrize("organizations", [1, 40, 100])
def test_a_session_survives_its_cookies_however_long_its_token_is(organizations: int) -> None:
    session = Session(access_token(organizations=organizations), "refresh")
    values = domain.written(session)
    assert all(len(value) <= MAX_CHUNK for value in values)
    cookies = {domain.chunk_name("session", number): value for number, value in enumerate(values)}
    assert domain.read(cookies, "session") == session
    assert len(session.memberships) == organizations
    assert domain.read({"session": "no session"}, "session") is None


@pytest.mark.parametrize(
    "claims",
    [
        '{"exp": "soon"}',
        '{"exp": null}',
        '{"exp": 4102444800, "memberships": 7}',
        '{"exp": 4102444800, "memberships": [7]}',
        '{"exp": 4102444800, "memberships": [{"role": "owner"}]}',
        '{"exp": 4102444800, "barred": "everybody", "memberships": null}',
    ],
)
async def test_a_cookie_that_holds_anything_else_is_no_session(claims: str) -> None:
    token = "h." + base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=") + ".s"
    async with browser(FakeApi(EMPTY)) as visitor:
        for path in (OVERVIEW, "/", "/sign-in"):
            answer = await visitor.get(path, Cookie=f"session_local_8000=form.refresh.{token}")
            assert answer.status_code in (200, 303)
            assert answer.headers.get("Location", "/sign-in").startswith("/sign-in")


async def test_signing_in_leads_back_and_signing_out_forgets() -> None:
    api = FakeApi(EMPTY)
    pair = {"access_token": access_token(), "refresh_token": REFRESH_TOKEN}
    api.answers["POST", "/auth/login"] = pair
    async with browser(api) as visitor:
        sent_away = await visitor.get(OVERVIEW)
        assert (sent_away.status_code, sent_away.headers["Location"]) == (
            303,
            f"/sign-in?next={OVERVIEW.replace('/', '%2F')}",
        )
        answer = await visitor.post(
            "/sign-in", {"email": "ada@example.org", "password": "secret", "next": OVERVIEW}
        )
        assert answer.headers["Location"] == OVERVIEW
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=Lax" in answer.headers["Set-Cookie"]
        page = await visitor.get(OVERVIEW)
        assert page.status_code == 200
        form_token = visitor.form_token
        assert REFRESH_TOKEN not in page.text, "no token reaches the page"
        signed_out = await visitor.post("/sign-out", {"form_token": form_token})
        assert (signed_out.status_code, signed_out.headers["Clear-Site-Data"]) == (303, '"cache"')
        assert ("POST", "/auth/logout", {"refresh_token": REFRESH_TOKEN}) in api.calls
        assert (await visitor.get(OVERVIEW)).status_code == 303


async def test_over_https_no_other_page_can_set_a_cookie() -> None:
    origin = "https://plant.example.org"
    async with browser(FakeApi(), origin=origin) as visitor:
        fields = {"email": "a@example.org", "password": "secret", "next": OVERVIEW}
        answers = [
            await visitor.post("/sign-in", fields),
            await visitor.post("/language", {"language": "de"}),
        ]
        set_cookies = [each for answer in answers for each in answer.headers.get_list("Set-Cookie")]
        assert len(set_cookies) >= len(answers)
        for each in set_cookies:
            assert each.startswith("__Host-")
            assert "Secure" in each
            assert "Path=/" in each.split("; ")
        assert 'lang="de"' in (await visitor.get(OVERVIEW)).text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb"]
)
async def test_signing_in_leads_to_no_other_site(target: str) -> None:
    async with browser(FakeApi()) as visitor:
        fields = {"email": "a@example.org", "password": "secret", "next": target}
        assert (await visitor.post("/sign-in", fields)).headers["Location"] == "/"


async def test_nobody_signs_in_over_plain_http_unless_it_is_allowed_and_then_every_page_says_so() -> None:
    origin = "http://plant.example.org"
    async with browser(FakeApi(), origin=origin) as visitor:
        page = await visitor.get("/sign-in")
        assert "DINSIGHT_WEB_ALLOW_PLAIN_HTTP" in page.text
        assert 'type="password"' not in page.text
        refused = await visitor.post("/sign-in", {"email": "a@example.org", "password": "secret"})
        assert refused.status_code == 403
        assert visitor.cookies == {}
    allowed = Settings(allow_plain_http=True)
    async with browser(FakeApi(EMPTY), origin=origin, settings=allowed) as visitor:
        await visitor.sign_in()
        assert "not encrypted" in (await visitor.get(OVERVIEW)).text


async def test_an_unprefixed_cookie_is_no_session_over_https() -> None:
    value = domain.written(Session(access_token(), "r0"))[0]
    unprefixed = {"Cookie": f"session_local_8000={value}; session_plain={value}; session={value}"}
    async with browser(FakeApi(EMPTY), origin="https://plant.example.org", headers=unprefixed) as visitor:
        assert (await visitor.get(OVERVIEW)).status_code == 303


async def test_requests_at_once_refresh_once_and_the_browser_keeps_the_new_pair() -> None:
    api = FakeApi(EMPTY)
    api.answers["POST", "/auth/login"] = {"access_token": access_token(expires_in=5), "refresh_token": "r0"}
    api.answers["POST", "/auth/refresh"] = {"access_token": access_token(), "refresh_token": "r1"}
    async with browser(api) as visitor:
        await visitor.sign_in()
        pages = await asyncio.gather(*(visitor.get(OVERVIEW) for _ in range(5)))
        assert {page.status_code for page in pages} == {200}
        await visitor.get(OVERVIEW)
    refreshes = [call for call in api.calls if call[1] == "/auth/refresh"]
    assert refreshes == [("POST", "/auth/refresh", {"refresh_token": "r0"})]


async def test_a_session_that_has_ended_elsewhere_leads_to_signing_in_and_back() -> None:
    api = FakeApi(EMPTY)
    api.answers["POST", "/auth/login"] = {"access_token": access_token(expires_in=5), "refresh_token": "r0"}
    api.answers["POST", "/auth/refresh"] = ApiError(401, {"code": "session-ended"})
    async with browser(api) as visitor:
        await visitor.sign_in()
        sent_away = await visitor.get(OVERVIEW)
        assert (sent_away.status_code, sent_away.headers["Location"][:9]) == (303, "/sign-in?")
        assert visitor.cookies == {}
        # A part of a page cannot be replaced by a form: the whole page goes.
        await visitor.sign_in()
        part = await visitor.get(OVERVIEW, **{"HX-Request": "true", "HX-Request-Type": "partial"})
        assert part.headers["HX-Redirect"].startswith("/sign-in")


async def test_a_file_that_is_asked_for_after_the_session_has_ended_leads_to_signing_in() -> None:
    api = FakeApi(EMPTY)
    api.answers["POST", "/auth/login"] = {"access_token": access_token(expires_in=5), "refresh_token": "r0"}
    api.answers["POST", "/auth/refresh"] = ApiError(401, {"code": "session-ended"})
    async with browser(api) as visitor:
        await visitor.sign_in()
        sent_away = await visitor.get(f"/o/{ORGANIZATION}/settings/members.csv")
        assert (sent_away.status_code, sent_away.headers["Location"][:9]) == (303, "/sign-in?")
        assert visitor.cookies == {}, "else the page of signing in would send the visitor back"


class FirstTokenRefused(FakeApi):
    """Refuses the access token of the sign-in, as the API does when rights have changed since."""

    async def json(self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None) -> Json:
        if headers.get("Authorization") == f"Bearer {FIRST}":
            raise ApiError(401, {"code": "access-ended"})
        return await super().json(method, target, headers=headers, body=body)


FIRST = access_token()


async def test_a_token_that_says_too_much_is_exchanged_and_the_page_is_shown() -> None:
    api = FirstTokenRefused(EMPTY)
    api.answers["POST", "/auth/login"] = {"access_token": FIRST, "refresh_token": "r0"}
    api.answers["POST", "/auth/refresh"] = {
        "access_token": access_token(expires_in=800),
        "refresh_token": "r1",
    }
    async with browser(api) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(OVERVIEW)).status_code == 200
        api.answers["POST", "/auth/refresh"] = ApiError(401, {"code": "session-ended"})
        assert (await visitor.get(OVERVIEW)).status_code == 200, "the browser has the new token"
    assert ("POST", "/auth/refresh", {"refresh_token": "r0"}) in api.calls


async def test_a_session_that_was_ended_with_its_token_leads_to_signing_in() -> None:
    api = FirstTokenRefused(EMPTY)
    api.answers["POST", "/auth/login"] = {"access_token": FIRST, "refresh_token": "r0"}
    api.answers["POST", "/auth/refresh"] = ApiError(401, {"code": "session-ended"})
    async with browser(api) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(OVERVIEW)).headers["Location"].startswith("/sign-in?")
        assert visitor.cookies == {}


async def test_the_api_hears_of_the_browser_and_not_of_the_page() -> None:
    api = FakeApi(EMPTY)
    async with browser(api, headers={"User-Agent": "A browser"}) as visitor:
        await visitor.sign_in()
        await visitor.get(OVERVIEW)
    assert {headers["X-DInsight-Client"] for headers in api.headers} == {"ticket"}
    assert {headers["User-Agent"] for headers in api.headers} == {"A browser"}
