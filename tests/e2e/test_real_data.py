"""The impact data set, where it is at hand: 219 impacts; the monitoring file has three cells changed."""

from pathlib import Path

import pytest

from tests.e2e.plant import Plant

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SAMPLES = 219
# Row, feature, and the change in standard deviations of that feature over the baseline: 0.5, 2.4 and 1.1.
CHANGED = {0: "f_2", 19: "f_7", 29: "f_0"}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not at hand (../shared/data)")
def test_changes_within_the_normal_scatter_alarm_nobody_and_are_named(plant: Plant) -> None:
    """None of the three changes leaves what the baseline itself scatters by, so none may raise an alarm:
    one that did would be a false alarm in 219 samples that are otherwise the baseline's own."""
    machine = plant.machine()
    plant.rule(machine)
    baseline_file = (DATA / "impact-baseline.csv").read_bytes()
    monitoring_file = (DATA / "impact-monitoring.csv").read_bytes()
    baseline = plant.completed(plant.upload(machine, "baseline", ("impact-baseline.csv", baseline_file)))
    results = baseline["results"]
    assert results["samples"] == SAMPLES
    # Reference values of the algorithm's description, computed independently in float64.
    assert results["dmin"] == pytest.approx(0.002128138995, rel=1e-6)
    assert results["dmax"] == pytest.approx(16.864868366487, rel=1e-9)
    assert results["w1"] == pytest.approx(0.16691479744, rel=1e-9)
    assert results["cost_per_pair"] < 5e-9
    assert results["trustworthiness"] > 0.9999

    monitoring = plant.completed(plant.upload(machine, "monitoring", ("m.csv", monitoring_file)))
    assert monitoring["results"]["anomaly_count"] == 0
    assert monitoring["results"]["max_distance"] < monitoring["results"]["threshold"]
    assert plant.all("/alerts", machine_id=machine) == []
    before = plant.get(f"/analyses/{baseline['id']}/points")
    after = plant.get(f"/analyses/{monitoring['id']}/points")
    assert after["index"] == before["index"] == list(range(SAMPLES))
    same = [row for row in range(SAMPLES) if row not in CHANGED]
    # A sample of the baseline that comes again lands on its own place in the map.
    reach = max(map(abs, before["x"]))
    for axis in ("x", "y"):
        assert max(abs(after[axis][row] - before[axis][row]) for row in same) < 1e-3 * reach
