"""The state of a machine is a function of its runs, and turns only with cause."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from services.analysis.engine import STATES, EngineConfig, NormalRate, Run, assess_health
from services.analysis.engine.verdict.health import chance_at_rate, chance_beside_baseline

SMALL, LARGE = NormalRate(0.0, 60.0), NormalRate(0.002, 3000.0)
CALM, WORN, BROKEN = Run(40, 0, 0.1), Run(40, 4, 2.0), Run(40, 32, 9.0)
CONFIG = EngineConfig()


def state(*runs: Run, normal: NormalRate | None = SMALL) -> str:
    return assess_health(runs, CONFIG, normal=normal).state


def codes(*runs: Run, normal: NormalRate | None = SMALL) -> list[str]:
    return [reason.code for reason in assess_health(runs, CONFIG, normal=normal).reasons]


def test_the_worse_of_anomalies_and_wear_decides() -> None:
    assert state(Run(1000, 0, None), normal=None) == "ok"
    assert state(Run(1000, 50, None), normal=None) == "deteriorating"
    assert state(Run(1000, 150, 0.0), normal=None) == "failing"
    twice = (Run(1000, 0, 3.0),) * 2
    assert state(*twice) == "deteriorating"
    assert state(*twice[:1], Run(1000, 0, 7.5)) == "deteriorating"
    assert state(*twice, Run(1000, 0, 7.5), Run(1000, 0, 7.5)) == "failing"


def test_reasons_have_codes_and_parameters() -> None:
    health = assess_health([Run(20, 16, 7.5)], CONFIG, normal=SMALL)
    assert [reason.code for reason in health.reasons] == ["anomalies_at_limit", "wear_at_limit"]
    assert health.reasons[0].params == {
        "anomalies": 16,
        "samples": 20,
        "share": 0.8,
        "limit": 0.15,
        "state": "failing",
    }
    found = json.loads(json.dumps(health.as_dict(), allow_nan=False))
    assert found["reasons"] == [finding["text"] for finding in found["findings"]]
    assert any("7.5" in reason for reason in found["reasons"])


def test_a_few_anomalies_among_a_few_samples_may_be_chance() -> None:
    # One of twenty samples is 5 %, and one of five is 20 %, but healthy machines show as many.
    assert state(Run(20, 1, None)) == state(Run(5, 1, None)) == "ok"
    assert "too few" in assess_health([Run(20, 1, None)], CONFIG, normal=SMALL).reasons[0].text
    # Four of forty exceed the baseline's rate, but must happen twice.
    assert state(WORN) == "ok"
    assert codes(WORN) == ["anomalies_at_limit", "wear_below_limit", "rise_unconfirmed"]
    assert state(WORN, WORN) == "deteriorating"
    assert state(BROKEN) == "failing", "beyond doubt"
    # With many samples, the limits apply as they are.
    assert state(Run(1000, 49, None), normal=LARGE) == "ok"
    assert state(Run(1000, 50, None), normal=LARGE) == "deteriorating"
    assert state(Run(1000, 150, None), normal=LARGE) == "failing"
    # Relative to a baseline with many false alarms, anomalies prove nothing.
    assert state(Run(1000, 100, None), normal=NormalRate(0.1, 40.0)) == "ok"


def test_single_runs_that_differ_do_not_turn_the_state() -> None:
    assert [state(*([CALM, WORN] * 5)[:end]) for end in range(1, 11)] == ["ok"] * 10
    assert [state(WORN, *([WORN, CALM] * 5)[:end]) for end in range(1, 11)] == ["deteriorating"] * 10
    assert codes(WORN, WORN, CALM)[-1] == "fall_unconfirmed"
    assert state(WORN, WORN, CALM, CALM) == "ok"
    assert state(BROKEN, CALM) == "failing"
    assert state(BROKEN, CALM, CALM) == "ok"
    assert state(BROKEN, WORN, WORN) == "deteriorating"


def test_healthy_machines_stay_ok() -> None:
    """100 machines have 20 runs each, on baselines so short that their rates are hardly known."""
    generator = np.random.default_rng(0)
    turned = 0
    for _ in range(100):
        seen = generator.binomial(60, 0.005)
        normal = NormalRate(seen / 60.0, 60.0)
        runs = [Run(20, int(generator.binomial(20, 0.005)), 0.0) for _ in range(20)]
        turned += any(state(*runs[:end], normal=normal) != "ok" for end in range(1, 21))
    assert turned <= 1


def test_the_past_does_not_matter_once_two_runs_agree() -> None:
    for first, second in product((CALM, WORN, BROKEN), repeat=2):
        endings = {state(first, second, last, last) for last in (CALM,)}
        assert endings == {"ok"}
    assert state(*[BROKEN] * 30, CALM, CALM) == "ok"


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_samples_one_by_one_say_what_they_say_together(size: int) -> None:
    """A file of 60 faulty samples turns the state, and so do its samples in small files."""
    generator = np.random.default_rng(0)
    hits = generator.random(60) < 0.5
    normal = [False] * 60

    def cut(flags: list[bool], wear: float) -> list[Run]:
        parts = [flags[start : start + size] for start in range(0, len(flags), size)]
        return [Run(len(part), sum(part), wear) for part in parts]

    assert state(*cut(normal, 0.0)) == "ok"
    runs = cut(normal, 0.0) + cut(hits.tolist(), 4.0)
    assert state(*runs) == "failing"
    # One faulty sample among healthy ones is no reason.
    assert state(*cut([*normal[:30], True, *normal[:20]], 0.0)) == "ok"


def test_the_wear_of_a_single_sample_does_not_count() -> None:
    assert codes(Run(1, 1, 9.0))[1] == "wear_of_too_few"
    assert state(Run(1, 1, 9.0)) == "ok"


def test_the_anomalies_point_somewhere() -> None:
    """Only while something is wrong, and to what the newest run that has anomalies says."""
    pointing = Run(40, 4, 2.0, (("bearing", 0.6), ("oil", 0.25)))
    health = assess_health([CALM, pointing], CONFIG, normal=SMALL)
    assert health.reasons[-1].code == "anomalies_point_to"
    assert "bearing (60%), oil (25%)" in health.reasons[-1].text
    assert health.reasons[-1].params["features"][0] == {"name": "bearing", "share": 0.6}
    assert codes(Run(1000, 1, 0.0, (("bearing", 0.6),)))[-1] == "wear_below_limit"


def test_a_machine_of_which_nothing_was_judged_is_unknown() -> None:
    assert codes(BROKEN, Run(0, 0, None, not_judged=7)) == ["nothing_judged"]
    assert state(BROKEN, Run(0, 0, None, not_judged=7)) == "unknown"
    health = assess_health([Run(93, 0, None, not_judged=7)], CONFIG, normal=SMALL)
    assert health.state == "ok"
    assert health.reasons[-1].code == "some_not_judged"
    assert health.reasons[-1].text.startswith("7 of 100 samples could not be judged")
    # The runs around it are judged as if it had not been.
    assert state(WORN, Run(0, 0, None, not_judged=7), WORN) == "deteriorating"


def test_what_a_moving_average_repeats_is_one_anomaly() -> None:
    """After one bad sample it alarms until it has forgotten it; alarms that last are another matter."""
    assert state(Run(40, 9, 0.0)) == "failing"
    assert state(Run(40, 9, 0.0, averaged=8)) == "ok"
    assert state(Run(40, 40, 2.0, averaged=40)) != "ok"
    assert state(*[Run(40, 40, 2.0, averaged=40)] * 2) == "failing"
    averaging = EngineConfig(ewma=0.2)
    assert assess_health([Run(40, 9, 0.0)], averaging, normal=SMALL).state == "ok"


def test_no_judged_samples_are_no_evidence() -> None:
    assert state(Run(0, 0, None)) == "ok"
    assert state(BROKEN, Run(0, 0, None)) == "failing"


def test_the_chances_are_those_of_the_published_distributions() -> None:
    normal = NormalRate(0.02, 50.0)
    assert chance_beside_baseline(3, 20, normal) == pytest.approx(betabinom.sf(2, 20, 1.5, 49.5))
    assert chance_at_rate(3, 20, 0.05) == pytest.approx(binom.sf(2, 20, 0.05))
    assert chance_beside_baseline(0, 20, normal) == chance_at_rate(0, 20, 0.05) == 1.0
    assert chance_beside_baseline(20_000, 100_000, normal) < 0.01


def test_states_are_ordered() -> None:
    assert STATES == ("ok", "deteriorating", "failing")
