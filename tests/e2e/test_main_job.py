"""From a CSV to an alert, through the gateway, on the whole platform."""

import json
import threading

import httpx2
import numpy as np

from tests.e2e.plant import Plant, eventually
from tests.e2e.topics import header, read_published
from tests.stack import Stack
from tests.support.tables import FAULT_BINS, as_csv, spectra, with_fault

ROWS = 120
FIRST_FAULTY = 90
FAULT_NAMES = {f"f_{number}" for number in range(FAULT_BINS.start, FAULT_BINS.stop)}


def test_from_a_csv_to_an_alert(stack: Stack, plant: Plant) -> None:
    machine = plant.machine()
    plant.rule(machine, ratio=1.2)
    baseline = plant.completed(
        plant.upload(machine, "baseline", ("normal.csv", as_csv(spectra(300, seed=2))))
    )
    results = baseline["results"]
    assert results["samples"] == 300
    assert results["features"] == 1024

    samples = with_fault(spectra(ROWS, seed=3), FIRST_FAULTY)
    monitoring = plant.completed(plant.upload(machine, "monitoring", ("today.csv", as_csv(samples))))
    anomalies = plant.all("/anomalies", analysis_id=monitoring["id"])
    found = {anomaly["sample_index"] for anomaly in anomalies}
    assert found >= set(range(FIRST_FAULTY, ROWS))
    # The baseline promises few false alarms; among 90 normal samples a handful is within its promise.
    assert len(found - set(range(FIRST_FAULTY, ROWS))) <= 5
    assert monitoring["results"]["anomaly_count"] == len(anomalies)
    faulty = [anomaly for anomaly in anomalies if anomaly["sample_index"] >= FIRST_FAULTY]
    for anomaly in faulty:
        assert anomaly["features"]["features"][0]["name"] in FAULT_NAMES
        assert anomaly["features"]["features"][0]["deviation"] > 0

    points = plant.get(f"/analyses/{monitoring['id']}/points")
    assert points["index"] == list(range(ROWS))
    assert {i for i, flag in zip(points["index"], points["anomaly"], strict=True) if flag} == found
    upload_id = monitoring["file_upload_id"]
    stored = plant.get(f"/file-uploads/{upload_id}/features", start=90, stop=92, features=["f_400", "f_0"])
    assert np.allclose(stored["values"], samples[90:92][:, [400, 0]], atol=1e-6)

    [alert] = plant.alerts(machine)
    assert alert["status"] == "active"

    def counted() -> bool:
        [now] = plant.all("/alerts", machine_id=machine)
        return bool(now["count"] >= len(faulty))

    eventually(counted, seconds=30, what="all anomalies in the alert")
    records = read_published(stack, "anomaly.detected", "alert.raised", "analysis.completed")
    mine = [record for record in records if record.key == machine.encode()]
    detected = [json.loads(r.value or b"") for r in mine if r.topic == "anomaly.detected"]
    assert {payload["sample_index"] for payload in detected} == found
    assert sum(r.topic == "alert.raised" for r in mine) == 1
    assert sum(r.topic == "analysis.completed" for r in mine) == 2


def test_one_trace_runs_from_the_request_to_the_alert(stack: Stack, plant: Plant) -> None:
    machine = plant.machine()
    plant.rule(machine)
    plant.completed(plant.upload(machine, "baseline", ("normal.csv", as_csv(spectra(200, seed=4)))))
    trace = "0af7651916cd43dd8448eb211c80319c"
    table = as_csv(with_fault(spectra(40, seed=5), 20))
    traced = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    submitted = plant.submit(machine, "monitoring", ("today.csv", table), headers=traced)
    plant.completed(submitted.json()["id"])
    plant.alerts(machine)

    records = read_published(stack, "alert.raised")
    [record] = [record for record in records if record.key == machine.encode()]
    assert header(record, "traceparent").split("-")[1] == trace


def test_progress_and_alerts_are_streamed_live(stack: Stack, plant: Plant) -> None:
    machine = plant.machine()
    plant.rule(machine)
    # In no order: they are on several topics.
    missing = {
        "upload.received",
        "analysis.progressed",
        "analysis.completed",
        "anomaly.detected",
        "alert.raised",
    }
    connected = threading.Event()

    def listen() -> None:
        url = f"{stack.gateway_url}/api/v1/stream"
        with httpx2.stream("GET", url, headers=plant.headers, timeout=60) as response:
            for line in response.iter_lines():
                connected.set()
                missing.discard(line.removeprefix("event: "))
                if not missing:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert connected.wait(60)
    plant.completed(plant.upload(machine, "baseline", ("n.csv", as_csv(spectra(200, seed=6)))))
    table = as_csv(with_fault(spectra(40, seed=7), 20))
    plant.completed(plant.upload(machine, "monitoring", ("m.csv", table)))
    listener.join(60)
    assert missing == set()


def test_two_organizations_never_see_each_other(stack: Stack, plant: Plant) -> None:
    machine = plant.machine()
    analysis = plant.upload(machine, "baseline", ("n.csv", as_csv(spectra(100, seed=8))))
    done = plant.completed(analysis)
    with Plant.joined(stack.gateway_url) as other:
        client = httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", headers=other.headers)
        with client:
            for path in (
                f"/machines/{machine}",
                f"/machines/{machine}/health",
                f"/analyses/{analysis}",
                f"/analyses/{analysis}/points",
                f"/file-uploads/{done['file_upload_id']}",
                f"/file-uploads/{done['file_upload_id']}/features",
            ):
                assert client.get(path).status_code == 404, path
        refused = other.submit(machine, "baseline", ("n.csv", as_csv(spectra(10, seed=9))))
        assert refused.status_code == 404
        for path in ("/machines", "/analyses", "/anomalies", "/alerts", "/alert-rules"):
            assert other.all(path) == []
