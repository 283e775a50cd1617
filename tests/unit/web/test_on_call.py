"""Rotations: who is on call now and next, and what each role may change."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.web.errors import ApiError
from services.web.on_call.domain import AHEAD, override, places, rotation, turns
from tests.unit.web.fakes import ORGANIZATION, FakeApi, access_token, browser

ON_CALL = f"/o/{ORGANIZATION}/alerts/on-call"
MEMBERS = f"/organizations/{ORGANIZATION}/members"
ADA, BEN = str(UUID(int=1)), str(UUID(int=2))
ID = str(UUID(int=7))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_shift(
    who: str, starts: timedelta, ends: timedelta, now: datetime = NOW, **values: Any
) -> dict[str, Any]:
    times = {"starts_at": (now + starts).isoformat(), "ends_at": (now + ends).isoformat()}
    return {"user_id": who, "override_id": None, **times, **values}


def api_of(role: str) -> FakeApi:
    now, day = datetime.now(UTC), timedelta(days=1)
    entry = {
        "id": ID,
        "name": "nights",
        "members": [ADA, BEN],
        "starts": "2026-01-05T06:00:00",
        "shift": "P1DT12H",
        "time_zone": "Europe/Berlin",
        "on_call": ADA,
        "overrides": [{"id": str(UUID(int=5)), "user_id": ADA, "created_by": ADA}],
    }
    shifts = [
        a_shift(ADA, -day, day, now),
        a_shift(BEN, day, 2 * day, now),
        a_shift(ADA, 2 * day, AHEAD + day, now, override_id=str(UUID(int=5))),
    ]
    people = [{"user_id": ADA, "full_name": "Ada <b>"}, {"user_id": BEN, "full_name": "Ben"}]
    return FakeApi(
        {
            ("POST", "/auth/login"): {"access_token": access_token(role=role), "refresh_token": "r0"},
            ("GET", "/rotations"): {"items": [entry], "next_cursor": None},
            ("GET", f"/rotations/{ID}"): entry,
            ("GET", f"/rotations/{ID}/shifts"): {"items": shifts},
            ("GET", MEMBERS): {"items": people, "next_cursor": None},
        }
    )


def test_shifts_are_now_and_later_and_one_that_was_cut_has_no_end() -> None:
    hour = timedelta(hours=1)
    found = turns([a_shift(ADA, -hour, hour), a_shift(BEN, hour, AHEAD)], NOW)
    assert found.now
    assert (found.now.user_id, found.changes_at) == (ADA, NOW + hour)
    assert found.next
    assert (found.next.user_id, found.next.ends_at) == (BEN, None)
    assert found.of(BEN) == found.next
    assert found.of("somebody else") is None


def test_before_the_first_turn_nobody_is_on_call() -> None:
    hour = timedelta(hours=1)
    found = turns([a_shift(ADA, hour, 2 * hour)], NOW)
    assert found.now is None
    assert found.changes_at == NOW + hour
    assert turns([], NOW).changes_at is None


def test_places_of_the_form_are_members_in_their_order() -> None:
    assert list(places([BEN, ADA]))[:3] == [BEN, ADA, ""]
    form = [("form_token", "t"), ("name", "nights"), ("member", BEN), ("member", ""), ("member", ADA)]
    rest = [("starts", "2026-01-05T06:00"), ("shift", "P7D"), ("time_zone", "UTC")]
    assert rotation(form + rest) == {
        "name": "nights",
        "members": [BEN, ADA],
        "starts": "2026-01-05T06:00",
        "shift": "P7D",
        "time_zone": "UTC",
    }


def test_who_stands_in_does_so_by_the_visitors_clock() -> None:
    fields = {
        "user_id": BEN,
        "starts_at": "2026-07-01T06:00",
        "ends_at": "2026-07-02T06:00",
        "time_zone": "Europe/Berlin",
    }
    made = override(fields)
    assert (made["starts_at"], made["ends_at"]) == ("2026-07-01T06:00:00+02:00", "2026-07-02T06:00:00+02:00")
    # A row of the list has the exact moments.
    exact = {"user_id": BEN, "starts_at": NOW.isoformat(), "ends_at": NOW.isoformat()}
    assert override(exact)["starts_at"] == NOW.isoformat()


@pytest.mark.parametrize(
    ("role", "creates", "takes_over"),
    [("viewer", False, False), ("operator", False, True), ("admin", True, True)],
)
async def test_each_role_is_offered_what_it_may_do(role: str, creates: bool, takes_over: bool) -> None:
    async with browser(api_of(role)) as visitor:
        await visitor.sign_in()
        listed = (await visitor.get(ON_CALL)).text
        page = (await visitor.get(f"{ON_CALL}/{ID}")).text
    assert "Ada &lt;b&gt;" in listed.partition("<tbody>")[2]
    assert "1 day, 12 hours" in page
    assert (f'action="{ON_CALL}"' in listed) is creates
    assert (f"{ON_CALL}/{ID}/change" in page) is creates
    assert (f'action="{ON_CALL}/{ID}/overrides"' in page) is takes_over
    # Its own overrides: this visitor is neither Ada nor an administrator.
    assert (f"/overrides/{UUID(int=5)}/withdraw" in page) is creates


async def test_a_rotation_that_a_rule_names_says_why_it_stays() -> None:
    api = api_of("admin")
    problem = {"code": "in-use", "params": {"name": "nights", "user": "Far away"}, "detail": "English"}
    api.answers["DELETE", f"/rotations/{ID}"] = ApiError(409, problem)
    async with browser(api, headers={"Accept-Language": "de"}) as visitor:
        await visitor.sign_in()
        page = await visitor.post(f"{ON_CALL}/{ID}/delete", {"form_token": visitor.form_token})
    assert page.status_code == 409
    assert "solange Far away dorthin meldet" in page.text


async def test_a_refused_change_keeps_what_was_typed() -> None:
    api = api_of("admin")
    api.answers["PATCH", f"/rotations/{ID}"] = ApiError(409, {"code": "name-taken", "params": {"name": "x"}})
    async with browser(api) as visitor:
        await visitor.sign_in()
        fields = {
            "form_token": visitor.form_token,
            "name": "x",
            "member": [BEN, "", ADA],
            "starts": "2026-01-05T06:00",
            "shift": "P7D",
            "time_zone": "UTC",
        }
        page = (await visitor.post(f"{ON_CALL}/{ID}/change", fields)).text
    assert "The name x is taken" in page
    assert page.index(f'value="{BEN}" selected') < page.index(f'value="{ADA}" selected')
    sent = next(body for method, path, body in api.calls if method == "PATCH")
    assert sent["members"] == [BEN, ADA]
