"""A machine that has changed for good: told at the end of its runs, with the onset; nothing is re-learnt."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.analysis.client import AnalysisClient, csv, samples

pytestmark = pytest.mark.usefixtures("worker")

START = datetime(2026, 3, 1, tzinfo=UTC)
RUN, ONSET = 100, 300


def run_of(number: int, *, shift: float) -> bytes:
    """A hundred samples, a minute apart, after those of the runs before; f_3 is off by `shift`."""
    values = samples(RUN, seed=20 + number)
    values[:, 3] += shift
    times = [(START + timedelta(minutes=number * RUN + place)).isoformat() for place in range(RUN)]
    return csv(values, times=times)


async def health(client: AnalysisClient) -> dict[str, Any]:
    return dict((await client.get(f"/machines/{client.machine_id}/health")).json())


async def test_a_new_normal_is_proposed_with_its_onset_and_never_made(client: AnalysisClient) -> None:
    await client.configure()
    normal = csv(samples(240), times=[START.isoformat()] * 240)
    baseline = await client.completed("baseline", ("normal.csv", normal))
    assert (await health(client))["drift"] is None
    for number in range(3):
        done = await client.completed("monitoring", ("later.csv", run_of(number, shift=0.0)))
        assert done["results"]["drift"]["state"] == "none"
        assert done["results"]["drift"]["advice"] is None
    for number in range(3, 6):
        done = await client.completed("monitoring", ("later.csv", run_of(number, shift=5.0)))
        assert done["baseline_id"] == baseline["id"]
    found = done["results"]["drift"]
    assert (found["state"], found["proposed"]) == ("settled", True)
    onset = START + timedelta(minutes=ONSET)
    earliest, at, latest = (datetime.fromisoformat(found[name]) for name in ("earliest", "onset", "latest"))
    assert earliest <= onset <= latest
    assert abs(at - onset) < timedelta(minutes=30)
    assert found["sensors"][0]["name"] == "f_3"
    assert found["advice"]["code"] == "rebaseline_proposed"
    assert found["advice"]["params"]["onset"] == found["onset"]
    shown = await health(client)
    assert shown["drift"]["state"] == "settled"
    assert [note["code"] for note in shown["advice"]] == ["rebaseline_proposed"]
    # The same samples once more, with another threshold, say the same.
    config = await client.configure(threshold_sigmas=8)
    again = await client.completed("monitoring", ("later.csv", run_of(5, shift=5.0)), config_id=config["id"])
    assert again["results"]["drift"] == found
    # A baseline of the new normal judges from now on; nothing is said about it yet.
    renewed = csv(samples(240, seed=3) + 5.0, times=[START.isoformat()] * 240)
    await client.completed("baseline", ("new.csv", renewed))
    shown = await health(client)
    assert (shown["drift"], shown["advice"]) == (None, [])


async def test_a_machine_that_still_changes_is_told_apart(client: AnalysisClient) -> None:
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(240), times=[START.isoformat()] * 240)))
    await client.completed("monitoring", ("later.csv", run_of(0, shift=0.0)))
    for number in range(1, 6):
        done = await client.completed("monitoring", ("later.csv", run_of(number, shift=2.5 * number)))
    assert done["results"]["drift"]["state"] == "moving"
    assert done["results"]["drift"]["proposed"] is False
    shown = await health(client)
    assert [note["code"] for note in shown["advice"]] == ["drift_moving"]
