"""New rules, and whom a rule tells."""

from typing import Any
from uuid import UUID

import pytest

from services.web.errors import ApiError
from services.web.rules.domain import new_rule_of
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser

RULES = f"/o/{ORGANIZATION}/rules"
RULE = UUID(int=8)
MACHINE = UUID(int=9)
ADA = UUID(int=3)


def a_rule(*steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(RULE),
        "machine_id": str(MACHINE),
        "name": "Leaves normal",
        "severity": "high",
        "is_active": True,
        "condition": {"version": 1, "when": {"signal": "analysis.failed", "op": "eq", "value": True}},
        "actions": {"version": 1, "on": ["raised"], "steps": list(steps), "webhooks": {}},
    }


def a_page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": items, "next_cursor": None}


async def test_a_rule_says_whom_it_tells_and_when() -> None:
    first = {"after": "PT0S", "to": ["role:operator", f"user:{ADA}", "contact:nights"]}
    second = {"after": "PT15M", "to": ["rotation:weekend"], "channels": ["email"], "unless": ["acknowledged"]}
    members = ("GET", f"/organizations/{ORGANIZATION}/members")
    api = FakeApi({members: a_page({"user_id": str(ADA), "full_name": "Ada <b>"})})
    async with browser(api) as visitor:
        await visitor.sign_in()
        api.answers["GET", f"/alert-rules/{RULE}"] = a_rule(first, second)
        page = await visitor.get(f"{RULES}/{RULE}")
        told = page.text.partition("<ol>")[2].partition("</ol>")[0]
        assert "Everybody with the role Operator, Ada &lt;b&gt;, nights" in told
        assert "Whoever is on call in weekend" in told
        assert "after 15 minutes" in told
        assert "unless it is acknowledged" in told
        api.answers["GET", f"/alert-rules/{RULE}"] = a_rule()
        assert "Nobody gets a message" in (await visitor.get(f"{RULES}/{RULE}")).text


async def test_a_rule_that_can_hardly_be_meant_says_why() -> None:
    warning = {"code": "unconfirmed_contacts", "params": {"contacts": ["nights", "<b>"]}, "text": "English"}
    rule = a_rule() | {"warnings": [warning]}
    api = FakeApi({("GET", "/alert-rules"): a_page(rule), ("GET", f"/alert-rules/{RULE}"): rule})
    async with browser(api) as visitor:
        await visitor.sign_in()
        api.answers["GET", "/machines"] = a_page()
        for path in (RULES, f"{RULES}/{RULE}"):
            page = await visitor.get(path)
            assert "nobody has confirmed yet: nights, &lt;b&gt;." in page.text


@pytest.mark.parametrize(("status", "is_said"), [(404, True), (503, False)])
async def test_a_rule_that_cannot_be_tried_at_the_moment_does_not_lack_a_history(
    status: int, is_said: bool
) -> None:
    refusal = ApiError(status, {"code": "service-down", "detail": "down"})
    api = FakeApi(
        {("GET", f"/alert-rules/{RULE}"): a_rule(), ("POST", f"/alert-rules/{RULE}/backtest"): refusal}
    )
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{RULES}/{RULE}")
    assert page.status_code == 200
    assert ("no history to try it on" in page.text) == is_said
    assert ("not available at the moment" in page.text) != is_said


async def test_a_new_rule_may_tell_the_contact_points_that_there_are() -> None:
    api = FakeApi(
        {
            ("GET", "/machines"): a_page({"id": str(MACHINE), "name": "Pump 7"}),
            ("GET", "/contact-points"): a_page({"name": "nights"}),
            ("GET", "/rotations"): a_page({"name": "weekend"}),
            ("POST", "/alert-rules"): {"id": str(RULE)},
        }
    )
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{RULES}/new")
        assert '<option value="contact:nights">' in page.text
        assert '<option value="rotation:weekend">' in page.text
        fields = {"form_token": visitor.form_token, "name": "r", "tell": "contact:nights"}
        assert (await visitor.post(f"{RULES}/new", fields)).status_code == 303
    assert api.calls[-1][2]["actions"] == {"version": 1, "steps": [{"to": ["contact:nights"]}]}


def test_a_rule_that_tells_nobody_has_no_steps() -> None:
    assert new_rule_of({"tell": "", "value": "1.5"})["actions"] == {"version": 1, "steps": []}
