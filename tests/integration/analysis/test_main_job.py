"""From a file to a map, and from the next file to anomalies."""

from uuid import UUID

import httpx2

from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_PROGRESSED,
    ANOMALY_DETECTED,
    UPLOAD_RECEIVED,
)
from tests.integration.analysis.client import COLUMNS, AnalysisClient, csv, samples
from tests.support.records import reading


async def test_a_baseline_and_a_monitoring_run_complete(
    client: AnalysisClient, worker: httpx2.AsyncClient, bootstrap: str
) -> None:
    await client.configure()
    normal = csv(samples(120))
    baseline = await client.completed("baseline", ("normal.csv", normal))
    assert baseline["progress"] == 1
    assert baseline["results"]["samples"] == 120
    assert baseline["results"]["features"] == 8
    assert set(baseline["results"]["timings"]) == {"reading", "fitting", "storing"}

    points = (await client.get(f"/analyses/{baseline['id']}/points")).json()
    assert points["index"] == list(range(120))
    assert points["anomaly"] == [False] * 120
    assert points["metadata"][7] == {"sample": 7, "load": "low"}
    assert len(points["x"]) == len(points["y"]) == len(points["distance"]) == 120

    monitored = await client.completed(
        "monitoring", ("later.csv", csv(samples(60, seed=2, shifted=[10, 50])))
    )
    results = monitored["results"]
    assert results["samples"] == 60
    assert monitored["baseline_id"] == baseline["id"]
    assert results["health"]["state"] in ("ok", "deteriorating", "failing")

    placed = (await client.get(f"/analyses/{monitored['id']}/points", start=5, stop=15)).json()
    assert placed["index"] == list(range(5, 15))
    assert placed["anomaly"][5] is True
    assert placed["metadata"][5] == {"sample": 10, "load": "low"}

    anomalies = (await client.get("/anomalies", analysis_id=monitored["id"])).json()["items"]
    assert len(anomalies) == results["anomaly_count"]
    assert {10, 50} <= {anomaly["sample_index"] for anomaly in anomalies}
    worst = max(anomalies, key=lambda anomaly: anomaly["distance"])
    assert worst["features"]["features"][0]["name"] == "f_3"

    async with reading(
        bootstrap, UPLOAD_RECEIVED, ANALYSIS_COMPLETED, ANOMALY_DETECTED, ANALYSIS_PROGRESSED
    ) as reader:
        analysis_id = UUID(monitored["id"])
        (completed,) = await reader.wait_for(ANALYSIS_COMPLETED, 1, analysis_id=analysis_id)
        assert completed.organization_id == client.organization_id
        assert completed.payload.results == results
        detected = await reader.wait_for(ANOMALY_DETECTED, len(anomalies), analysis_id=analysis_id)
        assert {str(event.payload.anomaly_id) for event in detected} == {a["id"] for a in anomalies}
        assert len(await reader.wait_for(UPLOAD_RECEIVED, 1, analysis_id=analysis_id)) == 1


async def test_several_files_are_merged_in_order(client: AnalysisClient, worker: httpx2.AsyncClient) -> None:
    await client.configure()
    values = samples(90)
    ended = await client.completed(
        "baseline", ("first.csv", csv(values[:50])), ("second.csv.gz", csv(values[50:]))
    )
    assert ended["results"]["samples"] == 90
    upload = (await client.get(f"/file-uploads/{ended['file_upload_id']}")).json()
    assert [file["filename"] for file in upload["merged_files"]] == ["first.csv", "second.csv.gz"]
    assert upload["samples"] == 90
    features = (
        await client.get(
            f"/file-uploads/{ended['file_upload_id']}/features", start=48, stop=53, features=["f_2", "f_0"]
        )
    ).json()
    assert features["index"] == [48, 49, 50, 51, 52]
    assert features["features"] == ["f_2", "f_0"]
    assert features["values"] == values[48:53, [2, 0]].tolist()
    assert [entry["sample"] for entry in features["metadata"]] == [48, 49, 0, 1, 2]


async def test_a_baseline_row_lands_on_its_own_point(
    client: AnalysisClient, worker: httpx2.AsyncClient
) -> None:
    await client.configure()
    values = samples(60)
    baseline = await client.completed("baseline", ("normal.csv", csv(values)))
    again = await client.completed("monitoring", ("again.csv", csv(values[:10])), baseline_id=baseline["id"])
    normal = (await client.get(f"/analyses/{baseline['id']}/points", stop=10)).json()
    placed = (await client.get(f"/analyses/{again['id']}/points")).json()
    radius = max(abs(x) for x in normal["x"])
    for place in range(10):
        assert abs(normal["x"][place] - placed["x"][place]) < 1e-3 * radius
        assert abs(normal["y"][place] - placed["y"][place]) < 1e-3 * radius


async def test_wrong_column_names_are_answered_with_a_suggestion(
    client: AnalysisClient, worker: httpx2.AsyncClient
) -> None:
    error = await client.refused("baseline", ("normal.csv", csv(samples(20))))
    assert error["suggestion"] == COLUMNS
    assert "end_meta 'participant'" in error["message"]
