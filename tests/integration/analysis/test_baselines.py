"""Versions of a machine's baseline: listed, activated by hand or by completion, compared; one judges."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.analysis.domain import Analysis, Status
from shared.access import Role, Scope
from shared.events.auth import AUDIT_RECORDED
from shared.http.pages import PageRequest
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.support.records import reading
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("worker")


async def baselines(client: AnalysisClient, count: int) -> list[str]:
    """Completed baselines of the client's machine, oldest first."""
    await client.configure()
    made = []
    for seed in range(1, count + 1):
        done = await client.completed("baseline", (f"{seed}.csv", csv(samples(120, seed=seed) + 0.05 * seed)))
        made.append(done["id"])
    return made


async def versions(client: AnalysisClient) -> list[dict[str, Any]]:
    response = await client.get(f"/machines/{client.machine_id}/baselines")
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


async def active(client: AnalysisClient) -> str | None:
    found = [each["analysis_id"] for each in await versions(client) if each["active"]]
    assert len(found) <= 1
    return found[0] if found else None


async def activate(client: AnalysisClient, analysis_id: object, **query: Any) -> Any:
    path = f"/api/v1/machines/{client.machine_id}/baselines/{analysis_id}/activate"
    return await client.api.post(path, params=query, headers=client.headers)


async def monitored(client: AnalysisClient, **fields: Any) -> dict[str, Any]:
    return await client.completed("monitoring", ("later.csv", csv(samples(60, seed=9))), **fields)


async def test_the_active_baseline_judges_and_later_ones_are_proposed(
    client: AnalysisClient, bootstrap: str
) -> None:
    first, second = await baselines(client, 2)
    shown = await versions(client)
    assert [(each["number"], each["analysis_id"], each["active"]) for each in shown] == [
        (2, second, True),
        (1, first, False),
    ]
    assert (shown[0]["samples"], shown[0]["by_hand"], shown[0]["activated_by"]) == (120, False, None)
    assert shown[0]["readiness"]["samples"] == 120
    results = (await client.get(f"/analyses/{second}")).json()["results"]
    assert results["activation"]["code"] == "baseline_activated"
    assert (await monitored(client))["baseline_id"] == second
    response = await activate(client, first)
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["active"], body["by_hand"], body["activated_by"]) == (True, True, str(client.user_id))
    # Once more changes nothing, and is no second entry in the trail.
    assert (await activate(client, first)).json() == body
    await activate(client, second)
    await activate(client, first)
    async with reading(bootstrap, AUDIT_RECORDED) as reader:
        audited = await reader.wait_for(
            AUDIT_RECORDED, 2, resource_id=UUID(first), action="baseline.activated"
        )
    before = [(event.payload.changes or {})["before"] for event in audited]
    assert before == [{"active_id": second}] * 2
    assert (await monitored(client))["baseline_id"] == first
    assert (await monitored(client, baseline_id=second))["baseline_id"] == second
    third = await client.completed("baseline", ("3.csv", csv(samples(120, seed=3))))
    assert third["baseline_version"] == 3
    note = third["results"]["activation"]
    assert (note["code"], note["params"]["active_id"], note["params"]["version"]) == (
        "baseline_proposed",
        first,
        3,
    )
    shown = await versions(client)
    assert [each["proposed"] for each in shown] == [True, False, False]
    assert await active(client) == first
    health = (await client.get(f"/machines/{client.machine_id}/health")).json()
    assert [each["code"] for each in health["advice"]] == ["baseline_proposed"]
    fleet = (await client.get("/fleet")).json()["items"]
    assert [each["baseline"]["id"] for each in fleet] == [first]
    released = await client.api.delete(
        f"/api/v1/machines/{client.machine_id}/baselines/choice", headers=client.headers
    )
    assert released.status_code == 204
    assert await active(client) == third["id"]
    fourth = await client.completed("baseline", ("4.csv", csv(samples(120, seed=4))))
    assert await active(client) == fourth["id"]


async def test_versions_are_paged_and_can_be_had_as_csv(client: AnalysisClient) -> None:
    await baselines(client, 3)
    path = f"/machines/{client.machine_id}/baselines"
    page = (await client.get(path, limit=2)).json()
    rest = (await client.get(path, limit=2, cursor=page["next_cursor"])).json()
    assert [each["number"] for each in page["items"] + rest["items"]] == [3, 2, 1]
    table = await client.api.get(f"/api/v1{path}", headers={**client.headers, "Accept": "text/csv"})
    lines = table.text.splitlines()
    assert table.headers["Content-Type"].startswith("text/csv")
    assert lines[0].startswith("analysis_id,number,")
    assert len(lines) == 4


async def test_what_cannot_judge_is_not_activated(client: AnalysisClient) -> None:
    first, second = await baselines(client, 2)
    run = await monitored(client)
    failed = await client.ended(await client.accepted("baseline", ("bad.csv", b"a,b\n1,2\n")))
    for analysis_id, why in ((run["id"], "it is a monitoring run"), (failed["id"], "its status is failed")):
        response = await activate(client, analysis_id)
        assert response.status_code == 409
        assert response.json()["type"] == "urn:dinsight:problem:baseline-unusable"
        assert why in response.json()["detail"]
    assert (await activate(client, uuid4())).status_code == 404
    await activate(client, second)
    assert (await client.post(f"/analyses/{first}/archive")).status_code == 202
    await eventually(lambda: status_is(client, first, "archived"), what="the archive")
    response = await activate(client, first)
    assert response.status_code == 409
    assert f"/analyses/{first}/restore brings it back" in response.json()["detail"]
    assert [(each["number"], each["status"]) for each in await versions(client)] == [
        (2, "completed"),
        (1, "archived"),
    ]
    compared = await client.get(
        f"/machines/{client.machine_id}/baselines/compare", **{"from": first, "to": second}
    )
    assert compared.status_code == 409
    viewer = client.as_role(Role.VIEWER)
    path = f"/api/v1/machines/{client.machine_id}/baselines/{second}/activate"
    assert (await client.api.post(path, headers=viewer)).status_code == 403


async def test_other_features_are_activated_only_when_somebody_says_so(client: AnalysisClient) -> None:
    [first] = await baselines(client, 1)
    await client.configure(end_dim="f_6")
    second = (await client.completed("baseline", ("7.csv", csv(samples(120)))))["id"]
    response = await activate(client, first)
    assert response.status_code == 409
    problem = response.json()
    assert problem["type"] == "urn:dinsight:problem:other-features"
    assert (problem["missing"], problem["added"]) == ([], ["f_7"])
    assert await active(client) == second
    assert (await activate(client, first, other_features=True)).status_code == 200
    assert await active(client) == first
    compared = (await client.get(f"/machines/{client.machine_id}/baselines/compare")).json()
    assert (compared["removed_features"], compared["older_by_newer"]) == (["f_7"], None)


async def test_a_comparison_tells_what_moved(client: AnalysisClient) -> None:
    await client.configure()
    empty = await client.get(f"/machines/{client.machine_id}/baselines/compare")
    assert empty.json()["type"] == "urn:dinsight:problem:nothing-to-compare"
    normal, changed = samples(300), samples(300, seed=2)
    changed[:, 2] += 3.0 * normal[:, 2].std()
    changed[:, 5] *= 3.0
    first = (await client.completed("baseline", ("1.csv", csv(normal))))["id"]
    second = (await client.completed("baseline", ("2.csv", csv(changed))))["id"]
    path = f"/machines/{client.machine_id}/baselines/compare"
    found = (await client.get(path)).json()
    assert (found["older"]["number"], found["newer"]["number"]) == (1, 2)
    assert {each["name"] for each in found["sensors"] if each["moved"]} == {"f_2", "f_5"}
    assert found["sensors_moved"] == 2
    by_name = {each["name"]: each for each in found["sensors"]}
    assert by_name["f_2"]["level"] == pytest.approx(3.0, abs=0.3)
    assert by_name["f_5"]["spread"] == pytest.approx(3.0, abs=0.5)
    # The newer samples are no longer normal for the older baseline.
    assert found["newer_by_older"]["anomaly_fraction"] > 0.5
    assert found["newer_by_older"]["samples"] == found["older_by_newer"]["samples"] == 300
    swapped = (await client.get(path, **{"from": second, "to": first})).json()
    assert (swapped["older"]["analysis_id"], swapped["newer"]["analysis_id"]) == (second, first)
    assert swapped["older_by_newer"] == found["newer_by_older"]


async def test_another_organization_neither_sees_nor_activates(client: AnalysisClient) -> None:
    [first] = await baselines(client, 1)
    stranger = AnalysisClient(client.api, client.tokens)
    for path in ("", "/compare"):
        assert (await stranger.get(f"/machines/{client.machine_id}/baselines{path}")).status_code == 404
    stranger.machine_id = client.machine_id
    assert (await activate(stranger, first)).status_code == 404
    # Nor with a machine of its own in front.
    other = AnalysisClient(client.api, client.tokens)
    other.organization_id, other.headers = client.organization_id, client.headers
    assert (await activate(other, first)).status_code == 404
    assert (await versions(client))[0]["by_hand"] is False


async def status_is(client: AnalysisClient, analysis_id: str, wanted: str) -> bool:
    return bool((await client.get(f"/analyses/{analysis_id}")).json()["status"] == wanted)


async def test_twenty_activations_at_once_leave_one_active(client: AnalysisClient) -> None:
    made = await baselines(client, 3)
    responses = await asyncio.gather(*(activate(client, made[n % 3]) for n in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert await active(client) in made
    shown = await versions(client)
    assert sum(each["by_hand"] for each in shown) == 1


async def test_activations_uploads_and_deletions_at_once_leave_one_or_none(client: AnalysisClient) -> None:
    made = await baselines(client, 3)

    async def remove(analysis_id: str) -> int:
        response = await client.api.delete(
            f"/api/v1/analyses/{analysis_id}", params={"cascade": True}, headers=client.headers
        )
        return int(response.status_code)

    activations = [activate(client, each) for each in made for _ in range(3)]
    await asyncio.gather(*activations, *(remove(each) for each in made[:2]))
    assert await active(client) == made[2]
    assert await remove(made[2]) == 202
    assert await active(client) is None
    response = await client.send("monitoring", ("later.csv", csv(samples(10))))
    assert response.json()["type"] == "urn:dinsight:problem:no-baseline"


async def test_the_choice_is_not_archived_and_its_deletion_leaves_the_newest(client: AnalysisClient) -> None:
    first, second = await baselines(client, 2)
    await activate(client, first)
    refused = await client.post(f"/analyses/{first}/archive")
    assert (refused.status_code, "active baseline" in refused.text) == (409, True)
    assert (await client.post(f"/analyses/{second}/archive")).status_code == 202
    await eventually(lambda: status_is(client, second, "archived"), what="the archive")
    assert await active(client) == first
    assert (await client.post(f"/analyses/{second}/restore")).status_code == 202
    await eventually(lambda: status_is(client, second, "completed"), what="the restored baseline")
    assert await active(client) == first
    await client.api.delete(f"/api/v1/analyses/{first}", params={"cascade": True}, headers=client.headers)
    assert await active(client) == second


class Killed(BaseException):
    """Stands for kill -9: the transaction is never committed."""


async def killed_while_choosing(place: Workplace, scope: Scope, baseline: Analysis) -> None:
    async with place.units(scope) as unit:
        await unit.baselines.hold(baseline.machine_id)
        await unit.baselines.choose(baseline.machine_id, baseline.id, by=uuid4(), at=baseline.created_at)
        raise Killed


async def again(place: Workplace, before: Analysis) -> Analysis:
    """Another completed baseline on the same machine."""
    made = await place.uploaded(organization=before.organization_id)
    await place.admin.execute(
        "UPDATE analysis.analyses SET machine_id = $2 WHERE id = $1", made.id, before.machine_id
    )
    await place.do(made)
    return await place.now(made)


async def test_a_killed_activation_changes_nothing(place: Workplace) -> None:
    first = await place.uploaded()
    await place.do(first)
    second = await again(place, first)
    scope = Scope(organization_id=first.organization_id)
    with pytest.raises(Killed):
        await killed_while_choosing(place, scope, first)
    async with place.units(scope) as unit:
        found = await unit.baselines.active(first.machine_id)
        versions = (await unit.baselines.list(first.machine_id, PageRequest())).items
    assert found is not None
    assert (found.analysis_id, found.by_hand) == (second.id, False)
    assert sorted(each.number for each in versions) == [1, 2]


async def test_baselines_that_complete_at_once_get_numbers_of_their_own(place: Workplace) -> None:
    first = await place.uploaded()
    others = [await place.uploaded(organization=first.organization_id) for _ in range(3)]
    for each in others:
        await place.admin.execute(
            "UPDATE analysis.analyses SET machine_id = $2 WHERE id = $1", each.id, first.machine_id
        )
    await asyncio.gather(*(place.do(each) for each in (first, *others)))
    done = [await place.now(each) for each in (first, *others)]
    assert {each.status for each in done} == {Status.COMPLETED}
    assert sorted(each.baseline_version or 0 for each in done) == [1, 2, 3, 4]
    # The results say the number that the trigger gave.
    assert [(each.results or {})["activation"]["params"]["version"] for each in done] == [
        each.baseline_version for each in done
    ]


async def test_a_program_of_the_version_before_numbers_its_baselines_too(place: Workplace) -> None:
    made = await place.uploaded()
    await place.admin.execute(
        "UPDATE analysis.analyses SET status = 'completed', completed_at = now() WHERE id = $1",
        made.id,
    )
    assert (await place.now(made)).baseline_version == 1
