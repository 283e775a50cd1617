"""Opt-outs: everybody's own, and for administrators those of all."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.web.opt_outs.domain import opt_out
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser

MAIL = f"/o/{ORGANIZATION}/settings/mail"
ID, RULE = str(UUID(int=7)), str(UUID(int=8))
# The fakes' visitor has no id.
SOMEBODY, ME = str(UUID(int=5)), ""


def api_of(role: str, user_id: str = ME) -> FakeApi:
    entry = {"id": ID, "user_id": user_id, "rule_ids": [RULE], "below": "high", "ends_at": None}
    return FakeApi(
        {
            ("POST", "/auth/login"): {"access_token": access_token(role=role), "refresh_token": "r0"},
            ("GET", "/opt-outs"): {"items": [entry], "next_cursor": None},
            ("GET", "/alert-rules"): {"items": [{"id": RULE, "name": "Far away"}], "next_cursor": None},
            ("POST", "/opt-outs"): {},
            ("DELETE", f"/opt-outs/{ID}"): {},
        }
    )


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"ends": "never"}, {"rule_ids": [], "below": None, "ends_at": None}),
        (
            {"rule_id": RULE, "below": "high", "ends": "P1D"},
            {"rule_ids": [RULE], "below": "high", "ends_at": "2026-01-02T00:00:00+00:00"},
        ),
    ],
)
def test_a_form_makes_an_opt_out(fields: dict[str, str], body: dict[str, Any]) -> None:
    assert opt_out(fields, datetime(2026, 1, 1, tzinfo=UTC)) == body


async def test_a_viewer_gets_less_mail_and_gets_it_again() -> None:
    api = api_of("viewer")
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(MAIL)).text
        assert "Far away" in page
        assert "below high" in page
        assert "of=everybody" not in page
        made = await visitor.post(
            MAIL, {"form_token": visitor.form_token, "below": "medium", "ends": "never"}
        )
        ended = await visitor.post(f"{MAIL}/{ID}/delete", {"form_token": visitor.form_token})
    assert (made.status_code, ended.status_code) == (303, 303)
    assert ("POST", "/opt-outs", {"rule_ids": [], "below": "medium", "ends_at": None}) in api.calls


async def test_an_administrator_sees_those_of_others_and_leaves_them_alone() -> None:
    async with browser(api_of("admin", SOMEBODY)) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"{MAIL}?of=everybody")).text
    assert "Mail that members do not get" in page
    assert f"{MAIL}/{ID}/delete" not in page
