"""A machine of Lookout for Equipment, moved by the shipped command through the gateway."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.plant import Plant
from tests.stack import Stack
from tests.unit.imports.exports import BROKEN, ROWS, TRAINED, lookout


def test_a_machine_is_imported_with_its_labels_and_compared(
    plant: Plant, stack: Stack, tmp_path: Path
) -> None:
    organization = plant.get("/organizations")["items"][0]["id"]
    key = plant.post(f"/organizations/{organization}/api-keys", {"name": "import", "role": "admin"})["key"]
    folder, report = lookout(tmp_path / "export"), tmp_path / "report.json"
    command = [sys.executable, "-m", "dinsight", "import", "lookout", str(folder)]
    options = ["--gateway", stack.gateway_url, "--api-key", key, "--report", str(report)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "labels found" in done.stdout

    (machine,) = plant.all("/machines", q="press-7")
    runs = plant.all("/analyses", machine_id=machine["id"])
    assert [run["analysis_type"] for run in runs].count("baseline") == 1
    assert sum(run["results"]["samples"] for run in runs) == ROWS - 20
    monitored = [run for run in runs if run["analysis_type"] == "monitoring"]
    labelled = max(monitored, key=lambda run: int(run["results"]["anomaly_count"]))
    points = plant.get(f"/analyses/{labelled['id']}/points")
    assert {entry["label"] for entry in points["metadata"]} == {"fault"}

    alerts = plant.all("/alerts", machine_id=machine["id"])
    known = [alert for alert in alerts if alert["outcome"] == "true_alarm"]
    assert {alert["fault_code"] for alert in known} == {"fault"}
    assert {alert["status"] for alert in alerts} == {"resolved"}

    compared = json.loads(report.read_text())
    (event,) = compared["events"]
    assert event["dinsight"]["found"]
    assert event["dinsight"]["anomalies"] > 0.9 * len(BROKEN)
    assert event["other"]["anomalies"] == 20
    assert compared["outside"]["samples"] == ROWS - TRAINED - len(BROKEN)

    again = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 1
    assert "There is a machine 'press-7' already" in again.stderr
