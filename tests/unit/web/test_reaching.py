"""Contact points and the maintenance calendar."""

from typing import Any
from uuid import UUID

import pytest

from services.web.reaching.domain import contact_point, maintenance_window
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser

SETTINGS = f"/o/{ORGANIZATION}/settings"


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        (
            {"kind": "email", "where": " shift@example.org "},
            {"kind": "email", "address": "shift@example.org"},
        ),
        ({"kind": "apprise", "where": "slack://a/b/c"}, {"kind": "apprise", "url": "slack://a/b/c"}),
        ({"kind": "role", "role": "admin", "where": "left"}, {"kind": "role", "role": "admin"}),
        ({"kind": "user", "user_id": "u", "where": "left"}, {"kind": "user", "user_id": "u"}),
        ({"kind": "rotation", "rotation": "nights"}, {"kind": "rotation", "rotation": "nights"}),
        (
            {"kind": "webhook", "where": "https://x.example", "secret": "whsec_1"},
            {"kind": "webhook", "url": "https://x.example", "secrets": ["whsec_1"]},
        ),
    ],
)
def test_a_form_makes_a_contact_point(fields: dict[str, str], target: dict[str, Any]) -> None:
    assert contact_point({"name": "night-shift", **fields}) == {"name": "night-shift", "target": target}


def test_a_form_makes_a_maintenance_window() -> None:
    fields = {
        "name": "Cleaning",
        "reason": "wet",
        "starts": "2026-01-03T22:00",
        "hours": "4",
        "time_zone": "Europe/Berlin",
        "recurrence": "weekly",
        "machine_id": str(UUID(int=1)),
        "tags": "line-3, ,press ",
    }
    assert maintenance_window(fields) == {
        "name": "Cleaning",
        "reason": "wet",
        "matcher": {"machine_ids": [str(UUID(int=1))], "tags": ["line-3", "press"]},
        "starts": "2026-01-03T22:00:00",
        "duration": "PT4H",
        "time_zone": "Europe/Berlin",
        "rule": "FREQ=WEEKLY",
    }


async def test_contact_points_are_shown_and_tested() -> None:
    api = FakeApi({("GET", "/rotations"): {"items": [{"name": "nights"}], "next_cursor": None}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        point = {
            "id": str(UUID(int=7)),
            "name": "night-shift",
            "kind": "webhook",
            "shown": "x.example",
            "address": None,
            "is_active": False,
            "disabled_reason": "410 <b>",
            "is_confirmed": True,
        }
        api.answers["GET", "/contact-points"] = {"items": [point], "next_cursor": None}
        page = await visitor.get(f"{SETTINGS}/contacts")
        assert "410 &lt;b&gt;" in page.text
        assert '<option value="nights">' in page.text
        api.answers["POST", f"/contact-points/{point['id']}/test"] = {
            "delivered": False,
            "error": "the receiver responded with 503",
            "code": "refused",
            "params": {"status": 503},
        }
        path = f"{SETTINGS}/contacts/{point['id']}/test"
        tested = await visitor.post(path, {"form_token": visitor.form_token})
        assert "was not delivered: The receiver answered with 503." in tested.text


async def test_a_mailbox_that_is_not_confirmed_is_asked_again_instead_of_tested() -> None:
    point = {"id": str(UUID(int=7)), "name": "shift", "kind": "email", "shown": "s...@example.org"}
    state = {"address": None, "is_active": True, "disabled_reason": None, "is_confirmed": False}
    listed = {"items": [point | state], "next_cursor": None}
    rotations: dict[str, Any] = {"items": [], "next_cursor": None}
    api = FakeApi({("GET", "/contact-points"): listed, ("GET", "/rotations"): rotations})
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{SETTINGS}/contacts")
        assert "not confirmed" in page.text
        assert f"/contacts/{point['id']}/test" not in page.text
        api.answers["POST", f"/contact-points/{point['id']}/confirmation"] = point | state
        path = f"{SETTINGS}/contacts/{point['id']}/confirmation"
        asked = await visitor.post(path, {"form_token": visitor.form_token})
        assert asked.status_code == 303


async def test_an_operator_sees_which_machines_are_maintained_and_may_end_that() -> None:
    machine = {"id": str(UUID(int=9)), "name": "Pump 7"}
    matcher = {"machine_ids": [machine["id"]], "tags": ["line-3"], "locations": ["Hall 3"]}
    window = {
        "id": str(UUID(int=7)),
        "name": "Cleaning",
        "reason": "wet",
        "matcher": matcher,
        "starts": "2026-01-03T22:00:00",
        "duration": "PT4H",
        "time_zone": "Europe/Berlin",
        "rule": None,
        "current": {"starts_at": "2026-01-03T21:00:00Z", "ends_at": "2026-01-04T01:00:00Z"},
    }
    api = FakeApi(
        {
            ("GET", "/machines"): {"items": [machine], "next_cursor": None},
            ("GET", "/maintenance-windows"): {"items": [window], "next_cursor": None},
            ("POST", "/auth/login"): {"access_token": access_token(role="operator"), "refresh_token": "r0"},
        }
    )
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{SETTINGS}/maintenance")
    listed = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert all(text in listed for text in ("Pump 7", "line-3", "Hall 3", "2026-01-04 01:00 UTC"))
    assert f"/maintenance/{window['id']}/delete" in listed
