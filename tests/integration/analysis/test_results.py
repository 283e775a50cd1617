"""Configurations, anomalies, health and wear, and who may read them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from shared.access import Role
from shared.events.analysis import ANOMALY_ACKNOWLEDGED
from shared.events.auth import AUDIT_RECORDED
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.support.records import reading

pytestmark = pytest.mark.usefixtures("worker")

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def times(count: int) -> list[str]:
    return [(DAY + timedelta(hours=6 * place)).isoformat() for place in range(count)]


async def monitored(client: AnalysisClient, values: Any) -> dict[str, Any]:
    """A completed monitoring run of samples with times, after a baseline if the machine has none."""
    await client.configure(end_meta="load")
    if not (await client.get("/analyses", status="completed")).json()["items"]:
        await client.completed("baseline", ("normal.csv", csv(samples(100), times=times(100))))
    return await client.completed("monitoring", ("later.csv", csv(values, times=times(len(values)))))


async def test_the_first_configuration_is_the_specifications(client: AnalysisClient) -> None:
    config = (await client.get("/configs/current")).json()
    assert (config["version"], config["gamma0"], config["optimizer"]) == (1, 1e-7, "adam")
    assert (config["end_meta"], config["start_dim"], config["end_dim"]) == ("participant", "f_0", "f_1023")
    assert (config["a"], config["w1"], config["w2"], config["which_w1"]) == (0.8, 0.04, 1, "auto")
    assert (config["mode"], config["param_mode"], config["imax"]) == ("kanadaSan", 0.3, 1000)
    assert (await client.get("/configs/current")).json() == config


async def test_a_change_is_a_new_version(client: AnalysisClient) -> None:
    first = (await client.get("/configs/current")).json()
    second = (await client.post("/configs", {"sensitivity": 4, "ewma": 0.2})).json()
    third = (await client.post("/configs", {"ewma": None})).json()
    assert [second["version"], third["version"]] == [2, 3]
    assert (third["sensitivity"], third["threshold_sigmas"], third["ewma"]) == (4, 4, None)
    page = (await client.get("/configs", limit=2)).json()
    rest = (await client.get("/configs", limit=2, cursor=page["next_cursor"])).json()
    assert [config["id"] for config in page["items"] + rest["items"]] == [
        third["id"],
        second["id"],
        first["id"],
    ]
    assert rest["items"] == [first]


async def test_the_threshold_has_two_names(client: AnalysisClient) -> None:
    for body in ({"threshold_sigmas": 5}, {"sensitivity": 5}, {"sensitivity": 5, "threshold_sigmas": 5}):
        response = await client.post("/configs", body)
        assert response.status_code == 201, response.text
        assert (response.json()["sensitivity"], response.json()["threshold_sigmas"]) == (5, 5)


async def test_roles_of_features_are_kept_until_they_are_replaced(client: AnalysisClient) -> None:
    assert (await client.get("/configs/current")).json()["roles"] == {}
    roles = {"ambient": "context", "counter": "ignored"}
    await client.post("/configs", {"roles": roles})
    assert (await client.post("/configs", {"threshold_sigmas": 5})).json()["roles"] == roles
    assert (await client.post("/configs", {"roles": {}})).json()["roles"] == {}


async def test_a_rate_of_false_alarms_replaces_the_standard_deviations(client: AnalysisClient) -> None:
    first = (await client.get("/configs/current")).json()
    assert (first["threshold_sigmas"], first["false_alarm_rate"]) == (None, None)
    await client.post("/configs", {"threshold_sigmas": 5})
    rate = (await client.post("/configs", {"false_alarm_rate": 0.01})).json()
    assert (rate["sensitivity"], rate["threshold_sigmas"], rate["false_alarm_rate"]) == (None, None, 0.01)
    neither = (await client.post("/configs", {"false_alarm_rate": None})).json()
    assert (neither["threshold_sigmas"], neither["false_alarm_rate"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"imax": 5}, "/body/imax"),
        ({"a": 0.5}, "/body/a"),
        ({"alpha": -1}, "/body/alpha"),
        ({"ewma": 1.5}, "/body/ewma"),
        ({"false_alarm_rate": 0}, "/body/false_alarm_rate"),
        ({"false_alarm_rate": 0.9}, "/body/false_alarm_rate"),
        ({"false_alarm_rate": 0.01, "threshold_sigmas": 3}, "/body/false_alarm_rate"),
        ({"detector": "guess"}, "/body/detector"),
        ({"start_dim": ""}, "/body/start_dim"),
        ({"start_dim": "f_9", "end_dim": "f_2"}, "/body/start_dim"),
        ({"end_meta": "load", "end_dim": "load"}, "/body/end_dim"),
        ({"optimizer": "newton"}, "/body/optimizer"),
        ({"alpha": 1e300}, "/body/alpha"),
        ({"sensitivity": 1e9}, "/body/sensitivity"),
        ({"threshold_sigmas": 1e9}, "/body/threshold_sigmas"),
        ({"sensitivity": 3, "threshold_sigmas": 4}, "/body/threshold_sigmas"),
        ({"w1": -0.1}, "/body/w1"),
        ({"roles": {"load": "watched"}}, "/body/roles/load"),
        ({"roles": {"": "ignored"}}, "/body/roles/"),
        ({"roles": None}, "/body/roles"),
    ],
)
async def test_invalid_parameters_are_rejected(
    client: AnalysisClient, body: dict[str, Any], pointer: str
) -> None:
    response = await client.post("/configs", body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_values_that_are_not_finite_are_rejected(client: AnalysisClient, number: str) -> None:
    response = await client.api.post(
        "/api/v1/configs",
        content=f'{{"alpha": {number}}}',
        headers={**client.headers, "content-type": "application/json"},
    )
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/body/alpha"]


async def test_anomalies_are_dated_filtered_and_paged(client: AnalysisClient) -> None:
    run = await monitored(client, samples(40, seed=3, shifted=[8, 20, 39]))
    listed = (await client.get("/anomalies", analysis_id=run["id"], severity="critical")).json()["items"]
    by_sample = {anomaly["sample_index"]: anomaly for anomaly in listed}
    assert {8, 20, 39} <= set(by_sample)
    assert datetime.fromisoformat(by_sample[8]["timestamp"]) == DAY + timedelta(hours=48)
    assert by_sample[8]["metadata"]["sample"] == 8
    since, until = (DAY + timedelta(hours=h) for h in (100, 200))
    found = await client.get(
        "/anomalies", machine_id=client.machine_id, since=since.isoformat(), until=until.isoformat()
    )
    assert 20 in {anomaly["sample_index"] for anomaly in found.json()["items"]}
    assert not {8, 39} & {anomaly["sample_index"] for anomaly in found.json()["items"]}
    everything: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/anomalies", limit=2, **cursor)).json()
        everything += [anomaly["timestamp"] for anomaly in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(everything) == run["results"]["anomaly_count"]
    assert everything == sorted(everything, reverse=True)


async def test_only_the_first_acknowledgement_counts(client: AnalysisClient, bootstrap: str) -> None:
    run = await monitored(client, samples(20, seed=3, shifted=[8]))
    anomaly = (await client.get("/anomalies", analysis_id=run["id"])).json()["items"][0]
    place = f"/anomalies/{anomaly['id']}"
    assert (
        await client.api.post(f"/api/v1{place}/acknowledge", headers=client.as_role(Role.VIEWER))
    ).status_code == 403
    first = (await client.post(f"{place}/acknowledge")).json()
    assert first["acknowledged_by"] == str(client.user_id)
    other = client.tokens.headers(client.organization_id, Role.OPERATOR, user_id=uuid4())
    second = await client.api.post(f"/api/v1{place}/acknowledge", headers=other)
    assert second.json() == first == (await client.get(place)).json()
    assert (await client.get("/anomalies", analysis_id=run["id"], acknowledged=True)).json()["items"] == [
        first
    ]
    async with reading(bootstrap, ANOMALY_ACKNOWLEDGED, AUDIT_RECORDED) as reader:
        anomaly_id = UUID(anomaly["id"])
        (event,) = await reader.wait_for(ANOMALY_ACKNOWLEDGED, 1, anomaly_id=anomaly_id)
        assert event.payload.acknowledged_by == client.user_id
        audited = await reader.wait_for(AUDIT_RECORDED, 1, resource_id=anomaly_id)
        assert [event.payload.action for event in audited] == ["anomaly.acknowledged"]


async def test_a_machines_health_and_daily_counts(client: AnalysisClient) -> None:
    before = (await client.get(f"/machines/{client.machine_id}/health")).json()
    assert (before["state"], before["wear"]) == ("unknown", [])
    run = await monitored(client, samples(40, seed=3, shifted=range(20, 40)))
    health = (await client.get(f"/machines/{client.machine_id}/health")).json()
    assert health["state"] == "failing"
    assert any("anomalies" in reason for reason in health["reasons"])
    assert [finding["text"] for finding in health["findings"]] == health["reasons"]
    (pointing,) = [found for found in health["findings"] if found["code"] == "anomalies_point_to"]
    assert pointing["params"]["features"] == run["results"]["leading_features"]
    assert [point["analysis_id"] for point in health["wear"]] == [run["id"]]
    daily = (await client.get("/anomalies/daily", machine_id=client.machine_id)).json()["items"]
    assert sum(count["anomalies"] for count in daily) == run["results"]["anomaly_count"]
    assert {count["day"] for count in daily} >= {"2026-03-06", "2026-03-10"}


async def test_wear_over_a_column_has_a_trend(client: AnalysisClient) -> None:
    await client.configure(scaling="none")
    values = samples(60, seed=4)
    # The samples drift along the axis of the largest variance.
    values += np.linspace(0, 25, 60)[:, None] * 0.5
    place = f"/machines/{client.machine_id}/deterioration"
    await client.completed("baseline", ("normal.csv", csv(samples(100), times=times(100))))
    assert (await client.get(place)).status_code == 409
    await client.completed("monitoring", ("later.csv", csv(values, times=times(60))))
    found = (await client.get(place, by="sample")).json()
    assert found["labels"] == list(range(60))
    assert found["counts"] == [1] * 60
    assert found["trend"]["significant"] is True
    assert found["trend"]["slope_low"] <= found["trend"]["slope"] <= found["trend"]["slope_high"]
    assert (await client.get(place)).json()["wear"] == found["wear"]
    bad = await client.get(place, by="voltage")
    assert bad.status_code == 422
    assert "load, sample, timestamp" in bad.json()["detail"]


async def test_another_organization_sees_nothing(client: AnalysisClient) -> None:
    run = await monitored(client, samples(20, seed=3, shifted=[8]))
    anomaly = (await client.get("/anomalies")).json()["items"][0]
    stranger = AnalysisClient(client.api, client.tokens)
    for path in (
        f"/analyses/{run['id']}",
        f"/analyses/{run['id']}/points",
        f"/file-uploads/{run['file_upload_id']}",
        f"/file-uploads/{run['file_upload_id']}/features",
        f"/anomalies/{anomaly['id']}",
        f"/machines/{client.machine_id}/health",
        f"/machines/{client.machine_id}/deterioration",
    ):
        assert (await stranger.get(path)).status_code == 404, path
    assert (await stranger.post(f"/anomalies/{anomaly['id']}/acknowledge")).status_code == 404
    for path in ("/analyses", "/anomalies", "/anomalies/daily"):
        assert (await stranger.get(path)).json()["items"] == []


async def test_ranges_and_names_that_do_not_exist(client: AnalysisClient) -> None:
    await client.configure()
    run = await client.completed("baseline", ("x.csv", csv(samples(20))))
    features = f"/file-uploads/{run['file_upload_id']}/features"
    assert (await client.get(features, start=5, stop=3)).status_code == 422
    assert (await client.get(features, features=["f_99"])).status_code == 422
    assert (await client.get(features, start=100)).json()["values"] == []
    assert (await client.get(f"/analyses/{run['id']}/points", start=18)).json()["index"] == [18, 19]
    assert (await client.get(f"/analyses/{run['id']}/points", start=90)).json()["index"] == []
    assert (await client.get(f"/analyses/{uuid4()}/points")).status_code == 404


async def test_points_of_an_unfinished_analysis(client: AnalysisClient) -> None:
    error = await client.ended(await client.accepted("baseline", ("x.csv", b"a,b\n1,2\n")))
    response = await client.get(f"/analyses/{error['id']}/points")
    assert response.status_code == 409
    assert "failed" in response.json()["detail"]
