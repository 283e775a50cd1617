"""A run's own settings take effect, and what another threshold would find is told without scoring again."""

from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from services.analysis.database.unit import PostgresUnits
from services.analysis.whatif.domain import MAX_INTERVALS
from shared.access import Scope
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.unit.analysis.database.examples import HOUR, NOW, a_summary, an_hour, completed

pytestmark = pytest.mark.usefixtures("worker")


def graded() -> Any:
    """Samples that are ever farther from normal."""
    values = samples(200, seed=4)
    values[:, 3] += np.linspace(0.0, 12.0, 200)
    return values


@pytest.fixture
async def learnt(client: AnalysisClient) -> AnalysisClient:
    """A client whose machine has a baseline."""
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(400))))
    return client


async def run(client: AnalysisClient, **changes: Any) -> dict[str, Any]:
    """A run of the graded samples with settings of its own."""
    fields = {"config_id": (await client.configure(**changes))["id"]} if changes else {}
    done = await client.completed("monitoring", ("later.csv", csv(graded())), **fields)
    return dict(done)


async def what_if(client: AnalysisClient, run: dict[str, Any], **asked: float) -> dict[str, Any]:
    response = await client.get(f"/analyses/{run['id']}/what-if", **asked)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_a_runs_own_threshold_judges_it(learnt: AnalysisClient) -> None:
    usual = (await run(learnt))["results"]
    wide = (await run(learnt, threshold_sigmas=10))["results"]
    narrow = (await run(learnt, threshold_sigmas=1))["results"]
    assert wide["anomaly_count"] < usual["anomaly_count"] < narrow["anomaly_count"]
    assert wide["threshold"] > usual["threshold"] > narrow["threshold"]
    assert (usual["settings"]["threshold_sigmas"], wide["settings"]["threshold_sigmas"]) == (None, 10)
    assert usual["settings"]["ignored"] == []
    assert wide["promised"]["rate"] <= usual["promised"]["rate"] < narrow["promised"]["rate"]
    for results in (usual, wide, narrow):
        promised = results["promised"]
        assert 0 <= promised["low"] <= promised["rate"] <= promised["high"] <= 1
    anomalies = (await learnt.get("/anomalies", limit=500)).json()["items"]
    assert {anomaly["threshold"] for anomaly in anomalies} == {
        results["threshold"] for results in (usual, wide, narrow)
    }


async def test_a_runs_own_bands_and_limits_judge_it(learnt: AnalysisClient) -> None:
    usual = await run(learnt)
    own = await run(
        learnt,
        severity_bands=[1.01, 1.02, 1.03],
        deteriorating_fraction=0.98,
        failing_fraction=0.99,
        deteriorating_wear=1e5,
        failing_wear=1e6,
    )
    assert own["results"]["anomaly_count"] == usual["results"]["anomaly_count"]
    counts = [await severities(learnt, each) for each in (usual, own)]
    assert counts[1].get("critical", 0) > counts[0].get("critical", 0)
    assert (usual["results"]["health"]["state"], own["results"]["health"]["state"]) == ("failing", "ok")
    assert own["results"]["settings"]["severity_bands"] == [1.01, 1.02, 1.03]


async def severities(client: AnalysisClient, run: dict[str, Any]) -> dict[str, int]:
    found = (await client.get("/anomalies", analysis_id=run["id"], limit=500)).json()["items"]
    counts: dict[str, int] = {}
    for anomaly in found:
        counts[anomaly["severity"]] = counts.get(anomaly["severity"], 0) + 1
    return counts


async def test_settings_without_effect_are_named(learnt: AnalysisClient) -> None:
    usual = await run(learnt)
    other = await run(learnt, ewma=0.2, detector="t2_spe", scaling="standard")
    assert other["results"]["anomaly_count"] == usual["results"]["anomaly_count"]
    ignored = other["results"]["settings"]["ignored"]
    assert {note["code"] for note in ignored} == {"setting_of_baseline"}
    assert {note["params"]["setting"]: note["params"]["used"] for note in ignored} == {
        "scaling": "auto",
        "detector": "feature_mahalanobis",
        "ewma": None,
    }


async def test_what_if_finds_what_a_run_with_that_threshold_finds(learnt: AnalysisClient) -> None:
    usual = await run(learnt)
    same = await what_if(learnt, usual)
    assert same["anomaly_count"] == usual["results"]["anomaly_count"]
    assert same["threshold"] == usual["results"]["threshold"]
    assert same["against_outcomes"] is None
    for sigmas in (1.5, 6.0):
        really = await run(learnt, threshold_sigmas=sigmas)
        for asked in (usual, really):
            found = await what_if(learnt, asked, threshold_sigmas=sigmas)
            assert found["threshold"] == pytest.approx(really["results"]["threshold"])
            assert found["anomaly_count"] == really["results"]["anomaly_count"]
            assert found["promised"] == really["results"]["promised"]
    points = (await learnt.get(f"/analyses/{usual['id']}/points")).json()
    inside = [place for each in same["intervals"] for place in range(each["start"], each["stop"])]
    assert inside == [index for index, anomaly in enumerate(points["anomaly"]) if anomaly]
    assert same["interval_count"] == len(same["intervals"]) <= MAX_INTERVALS


async def test_what_if_for_a_rate(learnt: AnalysisClient) -> None:
    usual = await run(learnt)
    rates = [await what_if(learnt, usual, false_alarm_rate=rate) for rate in (0.2, 0.05, 0.01)]
    counts = [found["anomaly_count"] for found in rates]
    assert counts == sorted(counts, reverse=True)
    for found, rate in zip(rates, (0.2, 0.05, 0.01), strict=True):
        assert found["promised"]["low"] <= rate <= found["promised"]["high"]
    # Of the baseline's own samples, held out, that share is above it.
    baseline = (await learnt.get("/analyses", analysis_type="baseline")).json()["items"][0]
    own = await what_if(learnt, baseline, false_alarm_rate=0.05)
    assert own["anomaly_count"] == pytest.approx(0.05 * own["samples"], rel=0.2)


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        (
            {"threshold_sigmas": 3, "false_alarm_rate": 0.01},
            ["/query/threshold_sigmas", "/query/false_alarm_rate"],
        ),
        ({"threshold_sigmas": 0}, ["/query/threshold_sigmas"]),
        ({"threshold_sigmas": "NaN"}, ["/query/threshold_sigmas"]),
        ({"threshold_sigmas": 1e9}, ["/query/threshold_sigmas"]),
        ({"false_alarm_rate": 0}, ["/query/false_alarm_rate"]),
        ({"false_alarm_rate": 0.6}, ["/query/false_alarm_rate"]),
        ({"sigmas": 3}, ["/query/sigmas"]),
    ],
)
async def test_a_bad_question_is_pointed_at(
    client: AnalysisClient, asked: dict[str, Any], pointers: list[str]
) -> None:
    response = await client.get(f"/analyses/{uuid4()}/what-if", **asked)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == pointers


async def test_what_cannot_be_asked_says_why(learnt: AnalysisClient) -> None:
    assert (await learnt.get(f"/analyses/{uuid4()}/what-if")).status_code == 404
    failed = await learnt.ended(await learnt.accepted("baseline", ("bad.csv", b"a,b\n1,2\n")))
    refused = await learnt.get(f"/analyses/{failed['id']}/what-if")
    assert refused.json()["type"] == "urn:dinsight:problem:not-complete"
    usual = await run(learnt)
    stranger = AnalysisClient(learnt.api, learnt.tokens)
    assert (await stranger.get(f"/analyses/{usual['id']}/what-if")).status_code == 404


async def test_bad_bands_are_pointed_at(client: AnalysisClient) -> None:
    for body, pointer in (
        ({"severity_bands": [2, 1.5, 3]}, "/body/severity_bands"),
        ({"severity_bands": [1.5, 2]}, "/body/severity_bands"),
        ({"severity_bands": [1, 2, 3]}, "/body/severity_bands/0"),
        ({"failing_fraction": 0.01}, "/body/failing_fraction"),
        ({"deteriorating_wear": 0}, "/body/deteriorating_wear"),
    ):
        response = await client.post("/configs", body)
        assert response.status_code == 422, body
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_run_that_was_normal_realises_a_rate(client: AnalysisClient) -> None:
    await client.configure()
    await client.completed("baseline", ("normal.csv", csv(samples(400))))
    healthy = await client.completed("monitoring", ("later.csv", csv(samples(300, seed=2))))
    assert healthy["results"]["health"]["state"] == "ok"
    realised = healthy["realised"]
    assert (realised["samples"], realised["reason"]) == (300, "health_ok")
    assert realised["rate"] == healthy["results"]["anomaly_fraction"]
    broken = await client.completed("monitoring", ("later.csv", csv(graded())))
    assert broken["realised"] is None
    version = (await client.get(f"/machines/{client.machine_id}/baselines")).json()["items"][0]
    assert version["realised"] == {
        "runs": 1,
        "samples": 300,
        "anomalies": healthy["results"]["anomaly_count"],
        "rate": realised["rate"],
    }
    readiness = version["readiness"]
    assert version["promised"] == readiness["expected_false_alarms"]


ALERT = """
INSERT INTO analysis.alert_refs (id, organization_id, machine_id, rule_name, status, severity, summary, count,
    first_seen_at, last_seen_at, raised_at, outcome, version)
VALUES (gen_random_uuid(), $1, $2, 'Rule', $3, 'high', '', 1, $4, $5, $4, $6, 1)
"""


async def test_outcomes_of_alerts_decide_what_was_normal(place: Workplace) -> None:
    """Alerts are on the run's own time axis; one that lies beside it says nothing about it."""
    scope = Scope(organization_id=uuid4())
    units: PostgresUnits = place.units
    hours = [an_hour(NOW + n * HOUR, "normal" if n < 2 else "high", 10, 0.5 + n) for n in range(4)]
    async with units(scope) as unit:
        made = await completed(unit, scope, analysis_type="monitoring")
        assert await unit.summaries.add(made.machine_id, a_summary(made, hours))

    async def say(outcome: str | None, first: int, last: int, status: str = "resolved") -> None:
        await place.admin.execute(
            ALERT,
            scope.organization_id,
            made.machine_id,
            status,
            NOW + first * HOUR,
            NOW + last * HOUR,
            outcome,
        )

    async def realised() -> str | None:
        async with units(scope) as unit:
            found = await unit.summaries.realised(made.id)
        return found.reason if found else None

    # The summary says no state, so nothing says that it was normal.
    assert await realised() is None
    await say("true_alarm", 10, 11)
    assert await realised() is None
    await say("false_alarm", 2, 3)
    assert await realised() == "false_alarms"
    async with units(scope) as unit:
        [only] = await unit.summaries.outcomes(made.id)
    assert (only.outcome, only.max_ratio) == ("false_alarm", 3.5)
    await say(None, 1, 1, "active")
    assert await realised() is None
    async with units(scope) as unit:
        assert len(await unit.summaries.outcomes(made.id)) == 1
    await say("maintenance", 0, 0)
    assert await realised() is None
