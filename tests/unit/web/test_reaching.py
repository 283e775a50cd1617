"""Contact points and the maintenance calendar."""

from typing import Any
from uuid import UUID

import pytest

from services.web.reaching.domain import contact_point, maintenance_window
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser

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


async def test_the_pages_show_what_there_is_and_an_older_service_is_no_error() -> None:
    api = FakeApi({("GET", "/machines"): {"items": [], "next_cursor": None}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        for tab in ("contacts", "maintenance"):
            page = await visitor.get(f"{SETTINGS}/{tab}")
            assert (page.status_code, "does not have this yet" in page.text) == (200, True)
        point = {
            "id": str(UUID(int=7)),
            "name": "night-shift",
            "kind": "webhook",
            "shown": "x.example",
            "address": None,
            "is_active": False,
            "disabled_reason": "410 <b>",
        }
        api.answers["GET", "/contact-points"] = {"items": [point], "next_cursor": None}
        page = await visitor.get(f"{SETTINGS}/contacts")
        assert "410 &lt;b&gt;" in page.text
        api.answers["POST", f"/contact-points/{point['id']}/test"] = {"delivered": False, "error": "refused"}
        path = f"{SETTINGS}/contacts/{point['id']}/test"
        tested = await visitor.post(path, {"form_token": visitor.form_token})
        assert "has not arrived: refused" in tested.text
