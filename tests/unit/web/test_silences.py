"""Silences: what the form makes, who may make and end them, and what is shown of them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.web.errors import ApiError
from services.web.layout.ends import end_of
from services.web.silences.domain import SilencesEverything, changes_at, silence
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser
from tests.unit.web.test_alerts import AlertsApi, an_alert

SILENCES = f"/o/{ORGANIZATION}/alerts/silences"
MACHINE, RULE = str(UUID(int=9)), str(UUID(int=8))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_silence(number: int, **values: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": str(UUID(int=number)),
        "name": f"Silence {number}",
        "reason": "waits for a <bearing>",
        "matcher": {
            "machine_ids": [MACHINE],
            "rule_ids": [RULE],
            "tags": ["line-3"],
            "locations": ["Hall 3"],
            "max_severity": "medium",
        },
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
        "is_active": True,
        "created_by": str(UUID(int=5)),
        **values,
    }


def api_with(*silences: dict[str, Any], role: str = "operator") -> FakeApi:
    return FakeApi(
        {
            ("POST", "/auth/login"): {"access_token": access_token(role=role), "refresh_token": "r0"},
            ("GET", "/silences"): {"items": list(silences), "next_cursor": None},
            # Beyond the first page of machines and rules, names are asked for one by one.
            ("GET", "/machines"): {"items": [], "next_cursor": None},
            ("GET", f"/machines/{MACHINE}"): {"id": MACHINE, "name": "Pump 7"},
            ("GET", "/alert-rules"): {"items": [{"id": RULE, "name": "Far away"}], "next_cursor": None},
            ("POST", "/silences"): {},
            ("DELETE", f"/silences/{UUID(int=1)}"): {},
            ("PATCH", f"/silences/{UUID(int=1)}"): {},
            **{("GET", f"/silences/{each['id']}"): each for each in silences},
        }
    )


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"ends": "PT4H", "ends_at": "2030-01-01T00:00"}, "2026-01-01T04:00:00+00:00"),
        (
            {"ends": "until", "ends_at": "2026-07-01T08:00", "time_zone": "Europe/Berlin"},
            "2026-07-01T08:00:00+02:00",
        ),
        ({"ends": "until", "ends_at": "2026-07-01T08:00"}, "2026-07-01T08:00:00+00:00"),
        # The API says what is wrong with these.
        ({"ends": "until", "ends_at": "2026-07-01T08:00", "time_zone": "Here"}, "2026-07-01T08:00"),
        ({"ends": "until", "ends_at": "soon"}, "soon"),
        ({"ends": "never"}, None),
    ],
)
def test_an_end_is_a_moment_on_the_wall_clock_of_the_visitor(fields: dict[str, str], end: str | None) -> None:
    assert end_of(fields, NOW) == end


def test_a_form_makes_a_silence() -> None:
    fields = {
        "name": "Bearing",
        "reason": "ordered",
        "machine_id": MACHINE,
        "rule_id": "",
        "location": " Hall 3 ",
        "tags": "line-3, ,press ",
        "max_severity": "high",
        "ends": "P1D",
    }
    matcher = {
        "machine_ids": [MACHINE],
        "rule_ids": [],
        "locations": ["Hall 3"],
        "tags": ["line-3", "press"],
        "max_severity": "high",
    }
    ends_at = "2026-01-02T00:00:00+00:00"
    assert silence(fields, NOW) == {
        "name": "Bearing",
        "reason": "ordered",
        "matcher": matcher,
        "ends_at": ends_at,
    }


def test_a_silence_of_everything_is_refused_in_words() -> None:
    with pytest.raises(SilencesEverything):
        silence({"name": "All", "reason": "quiet", "tags": " , ", "max_severity": "low"}, NOW)


def test_the_page_is_fetched_again_when_the_next_silence_begins_or_ends() -> None:
    ended = {"starts_at": "2025-01-01T00:00:00Z", "ends_at": "2025-01-02T00:00:00Z"}
    running = {"starts_at": "2025-12-31T00:00:00Z", "ends_at": "2026-01-03T00:00:00Z"}
    coming = {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-04T00:00:00Z"}
    assert changes_at([ended, running, coming], NOW) == datetime(2026, 1, 2, tzinfo=UTC)
    assert changes_at([ended], NOW) is None


async def test_an_operator_sees_what_is_silenced_and_ends_it() -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    api = api_with(a_silence(1), a_silence(2, ends_at=past, is_active=False))
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"{SILENCES}?show=all")).text
        listed = page.partition("<tbody>")[2].partition("</tbody>")[0]
        shown = ("Pump 7", "Far away", "Hall 3", "line-3", "medium", "in effect", "ended", "&lt;bearing&gt;")
        assert [text for text in shown if text not in listed] == []
        assert re.findall(r"silences/([^/]+)/end", listed) == [str(UUID(int=1))]
        path = f"{SILENCES}/{UUID(int=1)}/end"
        assert (await visitor.post(path, {"form_token": visitor.form_token})).status_code == 303
    assert ("DELETE", f"/silences/{UUID(int=1)}", None) in api.calls


async def test_a_viewer_is_offered_neither_a_silence_nor_its_end() -> None:
    async with browser(api_with(a_silence(1), role="viewer")) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(SILENCES)).text
    assert "Silence 1" in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]


async def test_an_alert_leads_to_a_form_that_knows_it() -> None:
    alert = an_alert(1, "high")
    api = AlertsApi()
    api.answers |= api_with().answers | {
        ("GET", f"/alerts/{alert['id']}"): alert,
        ("GET", f"/alerts/{alert['id']}/timeline"): {"items": []},
    }
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(f"/o/{ORGANIZATION}/alerts/{alert['id']}")).text
        found = re.search(rf'href="({SILENCES}[^"]+)#new"', page)
        assert found, page
        form = (await visitor.get(found[1].replace("&amp;", "&"))).text
    assert f'<option value="{MACHINE}" selected>Pump 7' in form
    assert f'<option value="{RULE}" selected>Far away' in form
    assert 'value="Pump 7: high rule"' in form


async def test_what_is_refused_is_said_and_nothing_typed_is_lost() -> None:
    api = api_with()
    async with browser(api, headers={"Accept-Language": "de"}) as visitor:
        await visitor.sign_in()
        fields = {"form_token": visitor.form_token, "name": "All", "reason": "quiet", "ends": "P3D"}
        page = await visitor.post(SILENCES, fields)
    assert page.status_code == 422
    assert "Wählen Sie eine Maschine" in page.text
    assert 'value="quiet"' in page.text
    assert '<option value="P3D" selected>3 Tage' in page.text
    assert not [call for call in api.calls if call[:2] == ("POST", "/silences")]


@pytest.mark.parametrize(
    ("language", "button"), [("en", "Move the end"), ("de", "Ende verschieben")], ids=["English", "German"]
)
async def test_an_operator_moves_the_end_of_a_silence(language: str, button: str) -> None:
    api = api_with(a_silence(1))
    async with browser(api, headers={"Accept-Language": language}) as visitor:
        await visitor.sign_in()
        (path,) = re.findall(rf'href="({SILENCES}/[^"]+/extend)"', (await visitor.get(SILENCES)).text)
        form = (await visitor.get(path)).text
        assert button in form
        assert "waits for a &lt;bearing&gt;" in form
        fields = {"ends": "until", "ends_at": "2030-01-01T06:00", "time_zone": "Europe/Berlin"}
        moved = await visitor.post(path, {"form_token": visitor.form_token, **fields})
    assert (moved.status_code, moved.headers["Location"]) == (303, SILENCES)
    sent = {"ends_at": "2030-01-01T06:00:00+01:00"}
    assert ("PATCH", f"/silences/{UUID(int=1)}", sent) in api.calls


async def test_an_end_that_cannot_be_is_refused_in_words_and_stays_in_the_form() -> None:
    api = api_with(a_silence(1))
    problem = {"code": "invalid-end", "type": "urn:dinsight:problem:invalid-payload", "detail": "see errors"}
    field = {"pointer": "/body/ends_at", "detail": "must be in the future", "code": "invalid", "params": {}}
    api.answers["PATCH", f"/silences/{UUID(int=1)}"] = ApiError(422, {**problem, "errors": [field]})
    async with browser(api, headers={"Accept-Language": "de"}) as visitor:
        await visitor.sign_in()
        fields = {"form_token": visitor.form_token, "ends": "until", "ends_at": "2020-01-01T06:00"}
        page = await visitor.post(f"{SILENCES}/{UUID(int=1)}/extend", fields)
    assert page.status_code == 422
    assert "Das Ende muss in der Zukunft liegen" in page.text
    assert 'value="2020-01-01T06:00"' in page.text
    # The sentence says it; the API's English words beside it would say it again.
    assert "must be in the future" not in page.text
