"""The second step of signing in, the factors of an account, and what the page keeps of a device."""

import json
from typing import Any

import pytest

from services.web.errors import ApiError
from services.web.second_factor.routes import qr_code
from services.web.second_factor.step import Step
from tests.unit.web.fakes import FakeApi, access_token, browser

NEEDED = ApiError(
    403,
    {
        "code": "second-factor-needed",
        "detail": "more",
        "challenge": "c1",
        "methods": ["passkey", "totp", "recovery-code"],
        "passkey_options": {"challenge": "n'\"<b>"},
    },
)
LOGIN, FINISH = ("POST", "/auth/login"), ("POST", "/auth/second-factor")
FIELDS = {"email": "ada@example.org", "password": "secret", "next": "/account"}
PAIR = {"access_token": access_token(), "refresh_token": "r1", "device_token": "d1"}
FACTORS: dict[str, Any] = {"totp": False, "passkeys": [], "recovery_codes": 0}


def step(**changes: Any) -> str:
    made = Step("c1", ("totp",), None, "/account")
    return json.dumps(json.loads(made.written()) | changes)


async def test_a_sign_in_goes_on_with_the_second_factor() -> None:
    api = FakeApi({LOGIN: NEEDED, FINISH: PAIR})
    async with browser(api) as visitor:
        page = await visitor.post("/sign-in", FIELDS)
        assert page.status_code == 200
        assert "n&#39;\\&#34;&lt;b&gt;" in page.text, "options stay inside of their attribute"
        assert visitor.cookies == {}
        done = await visitor.post("/sign-in/second-factor", {"step": step(), "code": "123456"})
        assert (done.status_code, done.headers["Location"]) == (303, "/account")
        assert ("POST", "/auth/second-factor", {"challenge": "c1", "code": "123456"}) in api.calls
        assert visitor.cookies["device_local_8000"] == "d1"
        await visitor.post("/sign-out", {"form_token": visitor.form_token})
        api.answers[LOGIN] = PAIR
        await visitor.post("/sign-in", FIELDS)
        sent = {"email": "ada@example.org", "password": "secret", "device_token": "d1"}
        assert ("POST", "/auth/login", sent) in api.calls, "the device outlives the session"


async def test_a_wrong_answer_can_be_given_again_and_one_too_many_begins_anew() -> None:
    api = FakeApi({FINISH: ApiError(401, {"code": "wrong-second-factor", "detail": "no"})})
    async with browser(api) as visitor:
        again = await visitor.post("/sign-in/second-factor", {"step": step(), "code": "123456"})
        assert (again.status_code, "step" in again.text, "is wrong" in again.text) == (401, True, True)
        deep = '{"challenge": "c1", "methods": ' + "[" * 100_000
        for nonsense in ("", "[]", "{}", '{"challenge": 1, "methods": []}', "not json", deep):
            moved = await visitor.post("/sign-in/second-factor", {"step": nonsense, "code": "1"})
            assert moved.headers["Location"] == "/sign-in"
        elsewhere = await visitor.post(
            "/sign-in/second-factor", {"step": step(), "code": "1"}, Origin="https://x"
        )
        assert elsewhere.status_code == 403


async def test_a_credential_that_is_too_deep_to_be_sent_on_is_refused() -> None:
    credential = '{"id": ' + "[" * 900 + "]" * 900 + "}"
    async with browser(FakeApi({FINISH: PAIR})) as visitor:
        refused = await visitor.post("/sign-in/second-factor", {"step": step(), "credential": credential})
        assert (refused.status_code, visitor.cookies) == (422, {})


async def test_nobody_is_sent_to_another_site_after_the_second_factor() -> None:
    async with browser(FakeApi({FINISH: PAIR})) as visitor:
        fields = {"step": step(next="//evil.example"), "credential": '{"id": "x"}'}
        done = await visitor.post("/sign-in/second-factor", fields)
        assert done.headers["Location"] == "/"


async def test_recovery_codes_are_on_one_page_and_the_token_is_renewed() -> None:
    api = FakeApi(
        {
            ("GET", "/users/me/second-factors"): FACTORS,
            ("POST", "/users/me/totp"): {
                "secret": "JBSWY3DP",
                "otpauth_url": "otpauth://totp/x?secret=JBSWY3DP",
            },
            ("POST", "/users/me/totp/confirmation"): {"recovery_codes": ["aaaa-bbbb"]},
            ("POST", "/auth/refresh"): {"access_token": access_token(), "refresh_token": "r2"},
        }
    )
    async with browser(api) as visitor:
        await visitor.sign_in()
        form = {"form_token": visitor.form_token}
        assert "JBSWY3DP" in (await visitor.post("/account/second-factors/app", form)).text
        codes = await visitor.post("/account/second-factors/app/confirm", {**form, "code": "123456"})
        assert "aaaa-bbbb" in codes.text
        assert codes.headers["Cache-Control"] == "no-store"
        assert ("POST", "/auth/refresh", {"refresh_token": "r0"}) in api.calls
        assert "aaaa-bbbb" not in (await visitor.get("/account/second-factors")).text


@pytest.mark.parametrize("status", [401, 503])
async def test_recovery_codes_are_shown_although_the_token_cannot_be_renewed(status: int) -> None:
    api = FakeApi(
        {
            ("POST", "/users/me/totp/confirmation"): {"recovery_codes": ["aaaa-bbbb"]},
            ("POST", "/auth/refresh"): ApiError(status, {"code": "service-down"}),
        }
    )
    async with browser(api) as visitor:
        await visitor.sign_in()
        form = {"form_token": visitor.form_token, "code": "123456"}
        page = await visitor.post("/account/second-factors/app/confirm", form)
    assert (page.status_code, "aaaa-bbbb" in page.text) == (200, True)
    assert ("POST", "/auth/refresh") in {call[:2] for call in api.calls}


async def test_new_recovery_codes_alone_need_no_new_token() -> None:
    api = FakeApi({("POST", "/users/me/recovery-codes"): {"recovery_codes": ["cccc-dddd"]}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.post("/account/second-factors/codes", {"form_token": visitor.form_token})
    assert (page.status_code, "cccc-dddd" in page.text) == (200, True)
    assert ("POST", "/auth/refresh") not in {call[:2] for call in api.calls}


@pytest.mark.parametrize("path", ["app", "app/confirm", "app/remove", "passkeys/begin", "passkeys", "codes"])
async def test_changes_of_factors_come_from_our_own_forms(path: str) -> None:
    async with browser(FakeApi()) as visitor:
        await visitor.sign_in()
        assert (await visitor.post(f"/account/second-factors/{path}", {})).status_code == 403


@pytest.mark.parametrize(
    ("offered", "shown", "missing"),
    [
        ({"passwords": False, "single_sign_on": True, "registration": "open"}, "provider", "password"),
        ({"passwords": True, "single_sign_on": False, "registration": "invited"}, "password", "/register"),
    ],
)
async def test_only_what_the_installation_offers_is_shown(offered: Any, shown: str, missing: str) -> None:
    async with browser(FakeApi({("GET", "/auth/sign-in-methods"): offered})) as visitor:
        page = (await visitor.get("/sign-in")).text
    assert shown in page
    assert missing not in page.split("<main")[1]


def test_a_qr_code_is_drawn_for_what_fits_in_one() -> None:
    assert qr_code("otpauth://totp/x").startswith("<svg")
    assert "style=" not in qr_code("otpauth://totp/x"), "the policy of the page forbids it"
    assert qr_code("x" * 10_000) == ""
