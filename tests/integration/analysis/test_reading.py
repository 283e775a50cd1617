"""Files as plants have them: previewed, read with a configuration of their own, dated, and with their
quality."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx2
import numpy as np
import pytest

from shared.access import Role
from tests.integration.analysis.client import AnalysisClient

NAMES = ("speed", "temp", "flow", "power")
START = datetime(2024, 3, 21, 8)


def plant_file(rows: int, seed: int, *, faulty: int = 0, off: int = 0, first: int = 0) -> bytes:
    """A German logger's file: the last `faulty` rows are far from normal, the first `off` ones at
    standstill."""
    random = np.random.default_rng(seed)
    x = 50 + random.normal(size=(rows, 2)) @ [[3.0, 1.0, 2.0, 4.0], [1.0, 5.0, -2.0, 1.0]]
    x += random.normal(size=x.shape) / 2
    if faulty:
        x[-faulty:, 1] += 40
    x[:off] = 0.01
    lines = ["# Logger 17", ";".join(["Zeitstempel", *NAMES])]
    for at, row in enumerate(x):
        moment = START + timedelta(minutes=first + at)
        cells = [f"{value:.4f}".replace(".", ",") for value in row]
        lines.append(";".join([moment.strftime("%d.%m.%Y %H:%M:%S"), *cells]))
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


async def preview(
    client: AnalysisClient, content: bytes, name: str = "x.csv", **fields: str
) -> httpx2.Response:
    parts = [("file", (name, content, "application/octet-stream"))]
    return await client.api.post("/api/v1/file-previews", data=fields, files=parts, headers=client.headers)


async def proposed(client: AnalysisClient, content: bytes) -> dict[str, Any]:
    response = await preview(client, content)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["proposed_config"] is not None, body["problems"]
    return dict(body["proposed_config"])


async def test_a_plants_file_is_analysed_with_the_previews_own_proposal(
    client: AnalysisClient, worker: httpx2.AsyncClient
) -> None:
    normal = plant_file(150, 1)
    config = await proposed(client, normal) | {"off_when": "speed < 1"}
    before = (await client.get("/configs/current")).json()
    baseline = await client.completed(
        "baseline", ("normal.csv", normal), config=json.dumps(config), time_zone="Europe/Berlin"
    )
    assert baseline["results"]["features"] == 4
    used = [
        each for each in (await client.get("/configs")).json()["items"] if each["id"] == baseline["config_id"]
    ]
    assert (used[0]["inline"], used[0]["time_zone"]) == (True, "Europe/Berlin")
    assert (await client.get("/configs/current")).json() == before

    run = await client.completed("monitoring", ("today.csv", plant_file(40, 2, faulty=3, off=5, first=200)))
    anomalies = (await client.get("/anomalies", analysis_id=run["id"])).json()["items"]
    found = {each["sample_index"]: each["timestamp"] for each in anomalies}
    assert {37, 38, 39} <= set(found)
    assert not found.keys() & set(range(5))
    # 08:00 + 237 minutes in Berlin is an hour less in UTC in March.
    assert datetime.fromisoformat(found[37]) == datetime.fromisoformat("2024-03-21T10:57:00Z")
    points = (await client.get(f"/analyses/{run['id']}/points")).json()
    assert [entry.get("not_judged") for entry in points["metadata"][:6]] == ["off"] * 5 + [None]
    assert points["metadata"][6]["Zeitstempel"] == "2024-03-21T10:26:00Z"
    assert not any(points["anomaly"][:5])


async def test_the_quality_of_the_data_is_told(client: AnalysisClient, worker: httpx2.AsyncClient) -> None:
    normal = plant_file(150, 1)
    config = await proposed(client, normal)
    baseline = await client.completed("baseline", ("normal.csv", normal), config=json.dumps(config))
    lines = plant_file(40, 2).decode("cp1252").splitlines()
    for at in range(10, 15):
        cells = lines[at].split(";")
        lines[at] = ";".join([cells[0], "Bad", *cells[2:]])
    del lines[20:25]
    run = await client.completed("monitoring", ("today.csv", "\n".join(lines).encode()))
    response = await client.get(f"/analyses/{run['id']}/quality")
    assert response.status_code == 200, response.text
    quality = response.json()
    assert quality["rows"]["read"] == 35
    assert quality["files"][0]["understood"]["decimal"] == ","
    speed = quality["sensors"][0]
    assert (speed["name"], speed["missing"], speed["status_words"]) == ("speed", 5, {"Bad": 5})
    assert [each["code"] for each in speed["remarks"]] == ["sensor_missing"]
    time = quality["time"]
    assert (time["columns"], time["format"], time["interval_seconds"], time["gaps"]) == (
        ["Zeitstempel"],
        "%d.%m.%Y %H:%M:%S",
        60,
        1,
    )
    assert run["results"]["reading"]["time"]["gaps"] == 1
    assert (await client.get(f"/analyses/{baseline['id']}/quality")).status_code == 200
    stranger = AnalysisClient(client.api, client.tokens)
    assert (await stranger.get(f"/analyses/{run['id']}/quality")).status_code == 404


async def test_one_row_is_monitored_and_dated_as_the_baseline(
    client: AnalysisClient, worker: httpx2.AsyncClient
) -> None:
    """The row alone would leave open what 04/03/2024 is; the baseline has settled it."""
    normal = plant_file(150, 1).decode().replace("21.03.2024", "21/03/2024").encode()
    config = await proposed(client, normal)
    await client.completed("baseline", ("normal.csv", normal), config=json.dumps(config))
    one = plant_file(1, 2, faulty=1).decode().replace("21.03.2024", "04/03/2024").encode()
    run = await client.completed("monitoring", ("now.csv", one))
    [anomaly] = (await client.get("/anomalies", analysis_id=run["id"])).json()["items"]
    assert datetime.fromisoformat(anomaly["timestamp"]) == datetime.fromisoformat("2024-03-04T08:00:00Z")


async def test_a_file_of_each_sensor_is_joined_on_time(
    client: AnalysisClient, worker: httpx2.AsyncClient
) -> None:
    lines = [line.split(";") for line in plant_file(150, 1).decode().splitlines()[1:]]
    parts = [
        ("\n".join(f"{cells[0]};{cells[at]}" for cells in lines).encode(), NAMES[at - 1])
        for at in range(1, 4)
    ]
    files = [(f"{name}.csv", content) for content, name in parts]
    joined = await client.completed("baseline", *files, config=json.dumps({"resample": "PT2M"}))
    assert (joined["results"]["features"], joined["results"]["samples"]) == (3, 75)


async def test_a_preview_of_no_table_says_why(client: AnalysisClient) -> None:
    body = (await preview(client, b"%PDF-1.7 ...")).json()
    assert (body["understood"], body["columns"], body["proposed_config"]) == (None, [], None)
    [problem] = body["problems"]
    assert "PDF" in problem["text"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"config": "{"}, 422, "not JSON"),
        ({"config": '{"decimal": "x"}'}, 422, "/body/config/decimal"),
        ({"time_zone": "Nowhere/Else"}, 422, "not known"),
        ({"machine": "x"}, 422, "Unknown form field"),
    ],
)
async def test_what_a_preview_does_not_take_is_refused(
    client: AnalysisClient, fields: dict[str, str], status: int, said: str
) -> None:
    response = await preview(client, plant_file(20, 1), **fields)
    assert response.status_code == status
    assert said in response.text


async def test_a_preview_needs_a_file_and_the_right_to_send_one(client: AnalysisClient) -> None:
    two = [("file", ("a.csv", b"a,b\n1,2\n")), ("file", ("b.csv", b"a,b\n1,2\n"))]
    response = await client.api.post("/api/v1/file-previews", files=two, headers=client.headers)
    assert response.status_code == 422
    reader = client.as_role(Role.VIEWER)
    response = await client.api.post("/api/v1/file-previews", files=two[:1], headers=reader)
    assert response.status_code == 403
    large = [("file", ("a.csv", b"a,b\n" + b"1,2\n" * (5 * 2**20)))]
    response = await client.api.post("/api/v1/file-previews", files=large, headers=client.headers)
    assert response.status_code == 413
