"""Raw files of plants through the gateway, as an engineer sends them: preview, take its proposal, analyse."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.plant import Plant

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MEGABYTE = 2**20
# A verdict is sensible if samples like those of the baseline hardly alarm.
MAX_ALARMS = 0.1

# The encoding of the file as it is, and a sensor that is raised to see that it alarms.
FILES = {
    "raw-historian-status-words": ("utf-8", "tag13"),
    "raw-water-pump": ("utf-8", "sensor_10"),
    "raw-wind-scada-windows-1252": ("cp1252", "ActivePower"),
    "raw-bearing-nameless-index": ("utf-8", "2"),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not at hand (../shared/data)")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FILES)
def test_a_raw_file_is_read_with_the_previews_own_proposal(plant: Plant, name: str) -> None:
    encoding, sensor = FILES[name]
    text = gzip.decompress((DATA / f"{name}.csv.gz").read_bytes()).decode(encoding)
    header, *rows = text.splitlines()
    # The plants drift: what is monitored is held out all over the file. Its last row is a fault.
    held = set(range(2, len(rows), len(rows) // 101)[:100])
    normal = "\r\n".join([header, *(row for at, row in enumerate(rows) if at not in held)]).encode(encoding)
    *day_rows, last = (rows[at] for at in sorted(held))
    cells = last.split(",")
    cells[header.split(",").index(sensor)] = "1000000"
    day = "\r\n".join([header, *day_rows, ",".join(cells)]).encode(encoding)

    preview = plant.preview(f"{name}.csv", normal[:MEGABYTE])
    assert preview["proposed_config"] is not None, preview["problems"]
    time = preview["understood"]["time"]
    assert time["columns"]
    assert time["format"]
    assert not time["unreadable"]

    machine = plant.machine(name)
    config = json.dumps(preview["proposed_config"])
    baseline = plant.completed(
        plant.upload(machine, "baseline", (f"{name}.csv", normal), config=config), seconds=300
    )
    assert baseline["results"]["features"] == len(features(preview))
    run = plant.completed(plant.upload(machine, "monitoring", ("day.csv", day)), seconds=300)
    anomalies = {each["sample_index"]: each for each in plant.all("/anomalies", analysis_id=run["id"])}
    assert 99 in anomalies
    assert anomalies[99]["features"]["features"][0]["name"] == sensor
    assert len(anomalies) <= 1 + MAX_ALARMS * 99
    # Dated by the file, whose times lie years before the upload.
    assert anomalies[99]["timestamp"][:4] in {"2004", "2017", "2018", "2025"}
    quality = plant.get(f"/analyses/{run['id']}/quality")
    assert quality["rows"]["read"] == 100
    assert quality["time"]["interval_seconds"] > 0
    assert [each["name"] for each in quality["sensors"]] == features(preview)


def features(preview: dict[str, Any]) -> list[str]:
    return [column["name"] for column in preview["columns"] if column["role"] == "feature"]
