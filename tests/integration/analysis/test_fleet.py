"""The fleet and the timeline of a machine, from uploads and events to the answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.analysis.fleet.domain import FleetFilter, FleetSort
from services.analysis.fleet.schemas import FleetPage, decode_position
from services.analysis.fleet.service import FleetService
from services.analysis.timeline.domain import HourCount, microseconds
from shared.access import Role, Scope
from shared.clock import SystemClock
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED, AlertChanged, AlertRaised
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from tests.integration.alerting.publishing import Publisher, publishing
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.support.waiting import eventually
from tests.unit.analysis.database.examples import HOUR, NOW, a_machine, a_summary, completed
from tests.unit.shared.examples import EXAMPLES

START = datetime(2026, 3, 6, tzinfo=UTC)
STEP = timedelta(minutes=30)
DESCRIBED = {"model": "P-75", "location": "Hall 3", "tags": ["line-3", "wet"]}


@pytest.fixture
async def publisher(bootstrap: str) -> AsyncIterator[Publisher]:
    async with publishing(bootstrap) as opened:
        yield opened


def machine(client: AnalysisClient, **changes: Any) -> MachineChanged:
    example = EXAMPLES["machine.changed"]
    assert isinstance(example, MachineChanged)
    update = {"machine_id": client.machine_id, "name": "Pump 7", "tags": ("line-3", "wet")}
    return example.model_copy(update=update | changes)


def alert(client: AnalysisClient, version: int, **changes: Any) -> AlertChanged:
    example = EXAMPLES["alert.changed"]
    assert isinstance(example, AlertChanged)
    update = {"alert_id": client.user_id, "machine_id": client.machine_id, "version": version}
    times = {"raised_at": START, "first_seen_at": START, "last_seen_at": START + STEP}
    return example.model_copy(update=update | times | changes)


def raised(client: AnalysisClient, **changes: Any) -> AlertRaised:
    return AlertRaised.model_validate(alert(client, 1, **changes).model_dump())


async def monitored(client: AnalysisClient) -> dict[str, Any]:
    """A run of forty samples, half an hour apart, of which the second half are anomalies."""
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(300))))
    times = [(START + number * STEP).isoformat() for number in range(40)]
    values = samples(40, seed=3, shifted=range(20, 40))
    return await client.completed("monitoring", ("later.csv", csv(values, times=times)))


async def row(client: AnalysisClient, **params: Any) -> dict[str, Any]:
    items = (await client.get("/fleet", **params)).json()["items"]
    return next((item for item in items if item["machine_id"] == str(client.machine_id)), {})


async def timeline(client: AnalysisClient, **params: Any) -> dict[str, Any]:
    response = await client.get(f"/machines/{client.machine_id}/timeline", **params)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_a_machine_in_the_fleet(client: AnalysisClient, publisher: Publisher, worker: object) -> None:
    await publisher.publish(MACHINE_CHANGED, machine(client), client.organization_id)
    new = await eventually(lambda: row(client), what="the machine in the fleet")
    assert new["state"] == "unknown"
    assert (new["last_run_id"], new["silent_for"], new["baseline"]) == (None, None, None)
    assert {name: new[name] for name in DESCRIBED} == DESCRIBED
    run = await monitored(client)
    found = await row(client)
    assert (found["state"], found["last_run_id"]) == ("failing", run["id"])
    assert any("anomalies" in reason for reason in found["reasons"])
    assert [finding["text"] for finding in found["findings"]] == found["reasons"]
    assert found["last_data_at"] == (START + 39 * STEP).isoformat().replace("+00:00", "Z")
    assert found["silent_for"] >= 0
    assert (found["newest_analysis"]["id"], found["newest_analysis"]["status"]) == (run["id"], "completed")
    assert found["baseline"]["readiness"]["advice"] is not None
    assert [(day["day"], day["anomaly_share"] > 0) for day in found["spark"]] == [("2026-03-06", True)]
    assert found["open_alerts"] == {"count": 0, "unacknowledged": 0, "highest_severity": None}


async def test_alerts_arrive_late_and_twice(client: AnalysisClient, publisher: Publisher) -> None:
    await publisher.publish(MACHINE_CHANGED, machine(client), client.organization_id)
    acknowledged = alert(client, 2, severity="critical", acknowledged_at=START + STEP)
    for _ in range(2):
        await publisher.publish(ALERT_CHANGED, acknowledged, client.organization_id)
        await publisher.publish(ALERT_RAISED, raised(client), client.organization_id)
    expected = {"count": 1, "unacknowledged": 0, "highest_severity": "critical"}

    async def known() -> bool:
        return (await row(client)).get("open_alerts") == expected

    await eventually(known, what="the open alert")
    # Events of one machine are handled in order: the next one proves that those before it are.
    second = raised(client, alert_id=uuid4(), severity="low")
    await publisher.publish(ALERT_RAISED, second, client.organization_id)
    expected = {"count": 2, "unacknowledged": 1, "highest_severity": "critical"}
    await eventually(known, what="the second alert")
    shown = (await timeline(client))["alerts"]
    assert {found["severity"] for found in shown} == {"low", "critical"}
    resolved = alert(client, 3, status="resolved", severity="critical", resolved_at=START + HOUR)
    await publisher.publish(ALERT_CHANGED, resolved, client.organization_id)
    expected = {"count": 1, "unacknowledged": 1, "highest_severity": "low"}
    await eventually(known, what="the end of the first alert")
    inside = await timeline(client, since=START.isoformat(), until=(START + HOUR).isoformat())
    assert {found["status"] for found in inside["alerts"]} == {"active", "resolved"}
    later = await timeline(client, since=(START + 3 * HOUR).isoformat(), until=(START + 5 * HOUR).isoformat())
    assert {found["status"] for found in later["alerts"]} == {"active"}


async def test_a_timeline_shows_every_peak(client: AnalysisClient, worker: object) -> None:
    run = await monitored(client)
    points = (await client.get(f"/analyses/{run['id']}/points")).json()
    ratios = [distance / run["results"]["threshold"] for distance in points["distance"]]
    whole = await timeline(client, since=START.isoformat())
    assert whole["series"]["samples"] == [1] * 40
    assert whole["series"]["max"] == pytest.approx(ratios)
    assert whole["series"]["at"][1] == (START + STEP).isoformat().replace("+00:00", "Z")
    assert [(found["analysis_id"], found["samples"]) for found in whole["runs"]] == [(run["id"], 40)]
    assert whole["truncated"] == []
    for points_wanted in (10, 15):
        coarse = (await timeline(client, since=START.isoformat(), points=points_wanted))["series"]
        assert len(coarse["at"]) <= points_wanted
        assert max(coarse["max"]) == pytest.approx(max(ratios))
        assert sum(coarse["anomalies"]) == run["results"]["anomaly_count"]
    since, until = START + 10 * STEP, START + 20 * STEP
    part = await timeline(client, since=since.isoformat(), until=until.isoformat())
    assert part["series"]["max"] == pytest.approx(ratios[10:20])
    years = await timeline(client, since=(START - timedelta(days=700)).isoformat(), until=until.isoformat())
    assert (years["bucket_seconds"] % 3600, sum(years["series"]["samples"])) == (0, 20)
    assert max(years["series"]["max"]) == pytest.approx(max(ratios[:20]))
    now = await timeline(client, until=(datetime.now(UTC) + HOUR).isoformat())
    assert [mark["kind"] for mark in now["marks"]] == ["baseline"]


async def test_a_failed_run_is_marked(client: AnalysisClient, worker: object) -> None:
    await client.configure()
    error = await client.refused("baseline", ("x.csv", b"a,b\n1,2\n"))
    found = await timeline(client, until=(datetime.now(UTC) + HOUR).isoformat())
    assert [(mark["kind"], mark["text"]) for mark in found["marks"]] == [("failed_run", error["message"])]
    assert (found["series"]["at"], found["runs"]) == ([], [])


async def test_another_organization_sees_nothing(
    client: AnalysisClient, publisher: Publisher, worker: object
) -> None:
    await publisher.publish(MACHINE_CHANGED, machine(client), client.organization_id)
    await publisher.publish(ALERT_RAISED, raised(client), client.organization_id)
    await eventually(lambda: row(client), what="the machine in the fleet")
    stranger = AnalysisClient(client.api, client.tokens)
    assert (await stranger.get("/fleet")).json() == {"items": [], "next_cursor": None}
    assert (await stranger.get(f"/machines/{client.machine_id}/timeline")).status_code == 404
    viewer = client.as_role(Role.VIEWER)
    assert (await client.api.get("/api/v1/fleet", headers=viewer)).status_code == 200


@pytest.mark.parametrize(
    ("path", "params", "pointer"),
    [
        ("/fleet", {"state": "broken"}, "/query/state"),
        ("/fleet", {"sort": "size"}, "/query/sort"),
        ("/fleet", {"cursor": "abc"}, "/query/cursor"),
        ("/fleet", {"q": "\0"}, "/query/q"),
        ("/machines/{machine_id}/timeline", {"points": 9}, "/query/points"),
        ("/machines/{machine_id}/timeline", {"points": 5001}, "/query/points"),
        ("/machines/{machine_id}/timeline", {"since": "2026-03-01T00:00:00"}, "/query/since"),
        (
            "/machines/{machine_id}/timeline",
            {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
            "/query/until",
        ),
        (
            "/machines/{machine_id}/timeline",
            {"since": "1999-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
            "/query/since",
        ),
    ],
)
async def test_bad_input_is_pointed_at(
    client: AnalysisClient, path: str, params: dict[str, Any], pointer: str
) -> None:
    response = await client.get(path.format(machine_id=client.machine_id), **params)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def fleet_of(place: Workplace, scope: Scope) -> list[UUID]:
    """Eight machines: names, places, states, alerts and ages of their data differ."""
    made = []
    for number in range(8):
        async with place.units(scope) as unit:
            found = a_machine(
                scope,
                name=f"{'abcdefgh'[number % 3]} machine",
                location=f"Hall {number % 2}",
                tags=("even",) if number % 2 == 0 else ("odd", "Extra"),
            )
            await unit.machines.merge(found)
            made.append(found.id)
            if number < 6:
                run = await completed(unit, scope, machine_id=found.id, now=NOW + HOUR * number)
                state = ("ok", "failing", "deteriorating")[number % 3]
                count = HourCount(microseconds(NOW - number * HOUR), "normal", 1, 0.5, 0.5, 0.5)
                await unit.summaries.add(found.id, a_summary(run, [count]))
        if number < 6:
            await place.admin.execute(
                "UPDATE analysis.machine_states SET state = $2 WHERE machine_id = $1", found.id, state
            )
    return made


async def test_orders_filters_and_pages(place: Workplace) -> None:
    scope = Scope(organization_id=uuid4())
    made = await fleet_of(place, scope)
    await fleet_of(place, Scope(organization_id=uuid4()))
    assert await listed(place, scope, sort=FleetSort.NAME) == sorted(
        made, key=lambda each: ("abcdefgh"[made.index(each) % 3], each)
    )
    silence = await listed(place, scope, sort=FleetSort.SILENCE)
    assert silence[:6] == made[5::-1]
    need = await listed(place, scope)
    states = {0: "ok", 1: "failing", 2: "deteriorating"}
    shown = [states[made.index(each) % 3] if made.index(each) < 6 else "unknown" for each in need]
    assert shown == ["failing"] * 2 + ["deteriorating"] * 2 + ["unknown"] * 2 + ["ok"] * 2
    assert set(await listed(place, scope, tag="odd")) == set(made[1::2])
    assert await listed(place, scope, tag="ODD") == []
    assert set(await listed(place, scope, location="hall 0")) == set(made[::2])
    assert set(await listed(place, scope, text="extra")) == set(made[1::2])
    assert set(await listed(place, scope, state="failing")) == {made[1], made[4]}


async def listed(place: Workplace, scope: Scope, **wanted: Any) -> list[UUID]:
    """Everything, in pages of every size, which must agree."""
    sort = wanted.pop("sort", FleetSort.NEED)
    service, answers = FleetService(SystemClock()), []
    for limit in (1, 3, 100):
        seen: list[UUID] = []
        position = None
        while True:
            after = decode_position(position) if position else None
            async with place.units(scope) as unit:
                found = await service.list(unit, FleetFilter(**wanted), sort, after, limit)
            page = FleetPage.of(found)
            seen += [machine.machine_id for machine in page.items]
            position = page.next_cursor
            if position is None:
                break
        answers.append(seen)
    assert answers[0] == answers[1] == answers[2]
    return answers[0]
