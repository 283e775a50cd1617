"""Forms: only a current page of this site may send them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from services.web.analyses import routes
from services.web.errors import ApiError
from tests.unit.web.fakes import ORGANIZATION, ORIGIN, FakeApi, browser

INVITE = f"/o/{ORGANIZATION}/settings/invitations"
MEMBERS = f"/organizations/{ORGANIZATION}/members"
INVITATIONS = f"/organizations/{ORGANIZATION}/invitations"
ANSWERS = {
    ("GET", MEMBERS): {"items": [], "next_cursor": None},
    ("GET", INVITATIONS): {"items": [], "next_cursor": None},
    ("POST", INVITATIONS): {"id": "1"},
}
FIELDS = {"email": "bob@example.org", "role": "operator"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8001", ""])
async def test_a_form_of_another_origin_is_refused(origin: str) -> None:
    api = FakeApi(ANSWERS)
    async with browser(api) as visitor:
        await visitor.sign_in()
        token = visitor.form_token
        answer = await visitor.post(INVITE, {**FIELDS, "form_token": token}, Origin=origin)
        assert answer.status_code == 403
        assert (await visitor.post("/sign-in", {}, Origin=origin)).status_code == 403
    assert ("POST", INVITATIONS, FIELDS) not in api.calls


@pytest.mark.parametrize("token", ["", "another", "r0"])
async def test_a_form_without_the_token_of_its_session_is_refused(token: str) -> None:
    api = FakeApi(ANSWERS)
    async with browser(api) as visitor:
        await visitor.sign_in()
        assert (await visitor.post(INVITE, {**FIELDS, "form_token": token})).status_code == 403
    assert ("POST", INVITATIONS, FIELDS) not in api.calls


async def test_a_form_of_this_page_is_sent_on_and_what_the_api_refuses_is_said() -> None:
    api = FakeApi(ANSWERS)
    async with browser(api) as visitor:
        await visitor.sign_in()
        token = visitor.form_token
        done = await visitor.post(INVITE, {**FIELDS, "form_token": token})
        assert (done.status_code, ("POST", INVITATIONS, FIELDS) in api.calls) == (303, True)
        problem = {"code": "already-member", "detail": "Already a member: <b>bob</b>", "errors": []}
        api.answers["POST", INVITATIONS] = ApiError(409, problem)
        refused = await visitor.post(INVITE, {**FIELDS, "form_token": token})
        assert refused.status_code == 409
        assert "Already a member: &lt;b&gt;bob&lt;/b&gt;" in refused.text


async def test_members_are_suspended_and_get_access_back() -> None:
    bob = {"user_id": str(UUID(int=9)), "full_name": "Bob", "email": "bob@example.org", "role": "viewer"}
    bob |= {"joined_at": "2026-01-01T00:00:00Z"}
    api, place = FakeApi(ANSWERS), f"{MEMBERS}/{bob['user_id']}"
    api.answers["PATCH", place] = {}
    form = f"/o/{ORGANIZATION}/settings/members"
    async with browser(api) as visitor:
        await visitor.sign_in()
        token = visitor.form_token
        for has_access, action in ((True, "suspend"), (False, "restore")):
            api.answers["GET", MEMBERS] = {"items": [bob | {"is_active": has_access}], "next_cursor": None}
            page = await visitor.get(form)
            assert f'value="{action}"' in page.text
            fields = {"form_token": token, "action": action}
            assert (await visitor.post(f"{form}/{bob['user_id']}", fields)).status_code == 303
            assert ("PATCH", place, {"is_active": not has_access}) in api.calls


async def test_a_write_of_a_script_needs_the_token_as_a_header() -> None:
    async with browser(FakeApi()) as visitor:
        await visitor.sign_in()
        answer = await visitor.post(f"/o/{ORGANIZATION}/data/machines", {})
        assert answer.status_code == 403


class Unreadable(FakeApi):
    """Refuses every file."""

    async def request(self, method: str, target: str, **_options: Any) -> Any:
        return Refusal()


class Refusal:
    status = 422

    async def __aenter__(self) -> "Refusal":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return

    headers: Mapping[str, str] = {}

    async def json(self, **_options: object) -> Any:
        field = {
            "pointer": "/body/config/time_zone",
            "detail": "is odd",
            "code": "config_invalid",
            "params": {},
        }
        return {"type": "urn:dinsight:problem:invalid-payload", "detail": "is odd", "errors": [field]}


async def test_the_form_of_an_analysis_gets_the_refusal_of_a_preview_as_a_problem() -> None:
    script = (Path(routes.__file__).parents[1] / "assets/js/analyses/new.js").read_text()
    [accepted] = re.findall(r'Accept: "([^"]+)"', script)
    async with browser(Unreadable(), headers={"Accept-Language": "de"}) as visitor:
        await visitor.sign_in()
        headers = {"X-Form-Token": visitor.form_token, "Accept": accepted}
        answer = await visitor.post(f"/o/{ORGANIZATION}/analyses/preview", {}, **headers)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    # The script shows it as it is: it must be in the visitor's language.
    assert answer.json()["detail"].endswith("berichtigen Sie, was genannt ist. Zeitzone: ist nicht gültig.")


async def test_a_refused_registration_keeps_what_was_typed_but_the_password() -> None:
    api = FakeApi({("POST", "/auth/register"): ApiError(409, {"code": "email-taken", "detail": "Taken."})})
    async with browser(api) as visitor:
        fields = {"email": "ada@example.org", "password": "a long pass phrase", "full_name": "Ada"}
        page = await visitor.post("/register", fields)
    assert page.status_code == 409
    assert "There is an account with this e-mail address already." in page.text
    assert 'value="ada@example.org"' in page.text
    assert "a long pass phrase" not in page.text


TYPED = {"name": "Bearing <ordered>", "reason": "waits", "new_password": "hunter two", "form_token": "old"}
SILENCES = f"/o/{ORGANIZATION}/alerts/silences"


async def test_what_was_typed_before_a_session_ended_is_shown_but_no_secret() -> None:
    async with browser(FakeApi(), headers={"Accept-Language": "de"}) as visitor:
        page = await visitor.post(SILENCES, TYPED, Referer=f"{ORIGIN}{SILENCES}?show=all")
    assert page.status_code == 401
    assert "Ihre Sitzung ist beendet" in page.text
    assert "Bearing &lt;ordered&gt;" in page.text
    assert "hunter two" not in page.text
    assert f'href="/sign-in?next={quote(SILENCES + "?show=all", safe="")}"' in page.text


async def test_what_was_typed_into_the_form_of_an_earlier_session_is_shown() -> None:
    async with browser(FakeApi()) as visitor:
        await visitor.sign_in()
        page = await visitor.post(SILENCES, TYPED, Referer="https://elsewhere.example/form")
    assert page.status_code == 403
    assert "Bearing &lt;ordered&gt;" in page.text
    assert '<a class="button primary" href="/">' in page.text


async def test_the_form_of_another_site_shows_nothing() -> None:
    async with browser(FakeApi()) as visitor:
        page = await visitor.post(SILENCES, TYPED, Origin="https://elsewhere.example")
        assert (page.status_code, page.headers["Location"]) == (303, "/sign-in")
        await visitor.sign_in()
        page = await visitor.post(SILENCES, TYPED, Origin="https://elsewhere.example")
    assert page.status_code == 403
    assert "Bearing" not in page.text
