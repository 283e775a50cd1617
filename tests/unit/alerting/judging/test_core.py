"""What rules say of samples and of the clock: triggers, hysteresis, clearing, lack of data, late files."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.alerting.judging.state import Phase
from services.alerting.rules.conditions import EXAMPLE
from services.alerting.rules.signals import Severity
from tests.unit.alerting.examples import SAMPLE_TIME, condition, failed, leaf, scored
from tests.unit.alerting.judging.simulation import Simulation

HEALTH = leaf("failing", signal="health.state", op="eq")


def test_a_simple_rule_opens_at_once_and_continues() -> None:
    rule = Simulation(condition())
    assert rule.samples(0.5, 0.9, 1.2) == []
    assert rule.samples(0.5, 2.0, 1.0, 3.0) == ["raised"]
    raised = rule.last
    assert (raised.count, raised.first_at, raised.last_at) == (
        2, SAMPLE_TIME + timedelta(minutes=5), SAMPLE_TIME + timedelta(minutes=7),
    )  # fmt: skip
    assert raised.finding is not None
    assert (raised.finding.distance_ratio, raised.finding.features[0]["name"]) == (3.0, "f_1")
    assert raised.finding.text == "high anomaly at 3.00 times the threshold; most deviating: f_1 (+8.0 sd)"
    assert rule.samples(0.5, 0.5) == [], "without clear, an alert stays until a person resolves it"
    assert rule.samples(2.0) == ["found"]
    rule.resolve()
    assert rule.samples(0.5) == []
    assert rule.samples(2.0) == ["raised"]


def test_m_of_n_counts_across_blocks_and_ignores_samples_that_were_not_judged() -> None:
    rule = Simulation(condition(trigger={"mode": "m_of_n", "m": 3, "n": 4}))
    assert rule.samples(2.0, 0.5, 2.0, 0.5, 0.5, 2.0) == []
    assert rule.samples(0.5, 2.0, None, None, None) == []
    assert rule.samples(2.0) == ["raised"], "2 of 4 before it: the samples that were not judged do not count"
    rule.resolve()
    assert rule.samples(2.0, 2.0) == [], "after a person resolved it, the count begins anew"
    assert rule.samples(2.0) == ["raised"]


def test_a_duration_passes_on_the_samples_clock_or_on_the_wall_clock() -> None:
    trigger = {"mode": "duration", "for": "PT10M"}
    rule = Simulation(condition(trigger=trigger))
    assert rule.samples(2.0, 2.0, 0.5, 2.0, 2.0) == ["pending"]
    assert rule.samples(0.5) == ["withdrawn"]
    assert rule.samples(*[2.0] * 6) == ["pending"]
    assert rule.samples(*[2.0] * 6) == ["raised"], "ten minutes of samples"
    rule.resolve()
    assert rule.samples(0.5, 2.0) == ["pending"]
    assert rule.wait(minutes=9) == []
    assert rule.wait(minutes=1) == ["raised"], "nothing came that says otherwise"
    assert rule.last.finding is not None
    assert rule.last.finding.distance_ratio == 2.0


def test_a_duration_is_not_over_because_its_file_is_old() -> None:
    rule = Simulation(condition(trigger={"mode": "duration", "for": "PT10M"}))
    rule.now = SAMPLE_TIME + timedelta(hours=20)
    assert rule.samples(0.5, 2.0, at=SAMPLE_TIME) == ["pending"]
    assert rule.wait(minutes=9) == []
    assert rule.wait(minutes=2) == ["raised"]


def test_recover_holds_the_condition_until_its_value_is_passed() -> None:
    rule = Simulation(condition(leaf() | {"recover": 1.2}, clear={}))
    assert rule.samples(1.3, 1.6, 1.3) == ["raised"]
    assert rule.last.count == 2, "1.3 counts only once 1.5 was reached"
    assert rule.samples(1.4, 1.2) == ["found"]
    assert rule.samples(1.1) == ["cleared"]
    assert rule.samples(1.4) == []
    falling = Simulation(condition(leaf(0.5, op="lt") | {"recover": 0.8}, clear={}))
    assert falling.samples(0.7, 0.4, 0.7) == ["raised"]
    assert falling.samples(0.9) == ["cleared"]


def test_an_alert_clears_once_its_fault_has_not_recurred_for_long_enough() -> None:
    rule = Simulation(condition(clear={"no_recurrence_for": "PT10M"}))
    assert rule.samples(2.0, 0.5) == ["raised", "recovering"]
    assert rule.samples(*[0.5] * 5) == []
    assert rule.samples(2.0) == ["found"], "recurred"
    assert rule.samples(*[0.5] * 9) == ["recovering"]
    assert rule.samples(0.5) == ["cleared"]
    assert rule.samples(2.0) == ["raised"]
    assert rule.wait(minutes=9) == []
    assert rule.wait(minutes=1) == ["cleared"], "also if no message comes"


def test_an_alert_that_people_must_resolve_only_recovers() -> None:
    rule = Simulation(condition(clear={"no_recurrence_for": "PT1M", "auto_resolve": False}))
    assert rule.samples(2.0, 0.5, 0.5, 0.5) == ["raised", "recovering"]
    assert rule.wait(hours=5) == []
    assert rule.samples(2.0) == ["found"]


def test_severity_rises_at_once_and_falls_after_the_time_of_clear() -> None:
    steps = [{"level": "high"}, {"level": "critical", "when": leaf(3)}]
    rule = Simulation(condition(severity=steps, clear={"no_recurrence_for": "PT5M"}))
    rule.samples(2.0)
    assert (rule.last.severity, rule.last.settled) == (Severity.HIGH, Severity.HIGH)
    rule.samples(3.0, 2.0)
    assert (rule.last.severity, rule.last.settled) == (Severity.CRITICAL, Severity.CRITICAL)
    rule.samples(*[2.0] * 4)
    assert (rule.last.severity, rule.last.settled) == (Severity.HIGH, Severity.CRITICAL)
    rule.samples(2.0)
    assert rule.last.settled is Severity.HIGH


def test_a_condition_combines_what_samples_and_runs_say() -> None:
    rule = Simulation(condition({"all": [leaf(), HEALTH]}))
    assert rule.samples(2.0) == []
    assert rule.run(health="failing") == ["raised"], "the newest sample is far from normal"
    rule.resolve()
    assert rule.samples(1.0) == []
    assert rule.samples(2.0) == ["raised"], "the machine is failing since its newest run"


def test_what_is_not_known_satisfies_nothing_nor_its_contrary() -> None:
    rule = Simulation(condition({"not": HEALTH}))
    assert rule.samples(2.0, 0.5) == []
    assert rule.run(health="unknown") == ["raised"]
    assert Simulation(condition({"all": [leaf(), {"not": HEALTH}]})).samples(2.0) == []
    either = Simulation(condition({"any": [leaf(), {"not": HEALTH}]}))
    assert either.samples(2.0) == ["raised"], "one of any suffices"


@pytest.mark.parametrize(
    ("signal", "value", "run"),
    [
        ("wear.distance", 0.5, {"wear": 0.6}),
        ("wear.slope", 0.5, {"wear_slope_per_day": 0.6}),
        ("anomaly.count", 10, {}),
        ("anomaly.fraction", 0.05, {}),
    ],
)
def test_runs_have_numbers(signal: str, value: float, run: dict[str, Any]) -> None:
    rule = Simulation(condition(leaf(value, signal=signal)))
    assert rule.run(**run) == ["raised"]
    assert rule.last.finding is not None
    assert rule.last.finding.text == "10 of 200 samples outside normal (5.0%), health ok"
    assert Simulation(condition(leaf(100, signal=signal))).run(**run) == []


def test_the_share_of_anomalies_in_a_window_spans_blocks() -> None:
    rule = Simulation(condition(leaf(0.5, signal="anomaly.fraction") | {"window": "PT4M"}, clear={}))
    assert rule.samples(0.5, 0.5, 2.0) == []
    assert rule.samples(2.0) == ["raised"]
    assert rule.samples(0.5, 0.5, 0.5) == ["found", "cleared"], "one of four is left"


def test_missing_features_are_a_signal_also_of_samples_that_were_not_judged() -> None:
    rule = Simulation(condition(leaf(0.6, signal="quality.missing")))
    assert rule.samples(0.5, None, missing=(0.0, 0.5)) == []
    assert rule.samples(None, missing=(0.75,)) == ["raised"]
    assert rule.last.finding is not None
    assert rule.last.finding.text == "75% of a sample's features are missing"


def test_a_failed_analysis_is_over_with_a_run_that_completes() -> None:
    rule = Simulation(condition(leaf(True, signal="analysis.failed", op="eq"), clear={}))
    assert rule.send(failed(rule.machine_id)) == ["raised"]
    assert rule.last.finding is not None
    assert rule.last.finding.text == "monitoring analysis failed: row 7 has 3 fields instead of 4"
    assert rule.samples(2.0) == []
    assert rule.run() == ["cleared"]


def test_old_data_open_an_alert_that_new_ones_clear() -> None:
    rule = Simulation(condition(leaf("PT1H", signal="data.age", op="gt"), clear={}))
    assert rule.wait(days=1) == [], "no sample was ever there: no_data is for that"
    assert rule.samples(0.5) == []
    assert rule.wait(minutes=59) == []
    assert rule.wait(minutes=2) == ["raised"]
    assert rule.last.finding is not None
    assert rule.last.finding.text == "the newest sample is 1 h old"
    assert rule.wait(days=3) == []
    assert rule.samples(0.5) == ["cleared"]


def test_without_data_an_alert_opens_after_its_grace_and_ends_with_data() -> None:
    rule = Simulation(condition(no_data={"after": "PT1H", "grace": "PT30M"}))
    assert rule.wait(minutes=89) == [], "a new rule waits longer"
    assert rule.wait(minutes=1) == ["raised"]
    assert rule.last.finding is not None
    assert rule.last.finding.text == "no data for 1 h 30 min"
    assert rule.wait(days=2) == []
    assert rule.samples(0.5) == ["cleared"]
    assert rule.wait(minutes=59) == []
    assert rule.wait(minutes=1) == ["raised"]
    assert rule.samples(2.0) == ["raised"], "the fault goes on, if the data say so"


@pytest.mark.parametrize(("state", "said"), [("resolve", ["cleared"]), ("keep", [])])
def test_an_open_alert_of_a_silent_machine_ends_or_stays(state: str, said: list[str]) -> None:
    clear = {"no_recurrence_for": "PT2H"}
    rule = Simulation(condition(no_data={"after": "PT1H", "state": state}, clear=clear))
    assert rule.samples(2.0) == ["raised"]
    assert rule.wait(days=1) == said


def test_an_alert_that_was_kept_through_a_silence_goes_on_when_data_return_with_its_fault() -> None:
    rule = Simulation(
        condition(no_data={"after": "PT1H", "state": "keep"}, clear={"no_recurrence_for": "PT2H"})
    )
    assert rule.samples(2.0) == ["raised"]
    assert rule.wait(days=1) == []
    assert rule.samples(2.0) == ["found"]
    assert rule.samples(0.5) == ["recovering"]
    assert rule.wait(minutes=50) == [], "an hour without recurrence is not two"


def test_what_becomes_pending_when_data_return_begins_after_the_alert_of_the_silence() -> None:
    rule = Simulation(
        condition(no_data={"after": "PT1H", "state": "alert"}, trigger={"mode": "duration", "for": "PT30M"})
    )
    rule.samples(0.5)
    assert rule.wait(hours=2) == ["raised"]
    assert rule.samples(2.0) == ["cleared", "pending"]
    assert rule.wait(minutes=40) == ["raised"]


def test_an_alert_that_a_person_reopens_does_not_clear_at_once() -> None:
    rule = Simulation(condition(clear={"no_recurrence_for": "PT1H"}))
    rule.samples(2.0)
    assert rule.wait(hours=2) == ["cleared"]
    rule.phase = Phase.ACTIVE
    assert "cleared" not in rule.samples(0.5)
    assert rule.wait(minutes=50) == []
    assert rule.wait(minutes=20) == ["cleared"]


def test_late_samples_are_recorded_quietly_unless_the_rule_says_otherwise() -> None:
    day = timedelta(days=1)
    for late_after, quiet in (("P1D", "late"), (None, None)):
        rule = Simulation(condition(late_after=late_after))
        rule.now = SAMPLE_TIME + 3 * day
        assert rule.samples(0.5, 2.0, at=SAMPLE_TIME) == ["raised"]
        assert rule.last.quiet == quiet
        assert rule.last.first_at == SAMPLE_TIME + timedelta(minutes=1)


def test_older_samples_do_not_disturb_the_sequence_of_newer_ones() -> None:
    rule = Simulation(condition(trigger={"mode": "m_of_n", "m": 3, "n": 3}, clear={}))
    assert rule.samples(2.0, 2.0) == []
    newest = rule.now
    assert rule.samples(0.5, 0.5, 0.5, at=SAMPLE_TIME - timedelta(hours=5)) == []
    rule.now = newest
    assert rule.samples(2.0) == ["raised"]
    assert rule.samples(0.5, 0.5, at=SAMPLE_TIME - timedelta(hours=4)) == [], "nothing is over by old data"


def test_a_sample_of_the_future_counts_when_it_comes() -> None:
    rule = Simulation(condition(clear={"no_recurrence_for": "PT10M"}))
    ahead = scored(rule.machine_id, [2.0], start=rule.now + timedelta(hours=20))
    assert rule.send(ahead, rule.now) == ["raised"]
    assert rule.last.last_at == rule.now
    assert rule.wait(minutes=10) == ["cleared"]


def test_in_muted_times_an_alert_opens_quietly_and_people_are_told_at_their_end() -> None:
    schedule = {"tz": "Europe/Berlin", "mute": [{"from": "12:00", "to": "14:00"}]}
    rule = Simulation(condition(schedule=schedule))
    rule.now = datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
    assert rule.samples(2.0) == ["raised"]
    assert rule.last.quiet == "muted"
    assert rule.wait(minutes=80) == []
    assert rule.wait(minutes=10) == ["unmuted"]
    assert rule.now >= datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert rule.wait(days=2) == []
    assert rule.samples(2.0) == ["found"]
    assert rule.last.quiet is None


def test_the_example_of_the_documentation_does_what_it_says() -> None:
    rule = Simulation({**EXAMPLE, "late_after": None})
    assert rule.samples(*[0.5] * 20) == []
    assert rule.samples(1.6) == [], "1 of the 21 samples of the hour is less than 5 %"
    assert rule.samples(1.6, 0.9, 1.6) == [], "two of ten"
    assert rule.samples(1.6) == ["raised"], "three of ten"
    assert rule.samples(3.5) == ["found"]
    assert [each.severity for each in rule.said] == [Severity.HIGH, Severity.CRITICAL]
    assert rule.samples(*[0.5] * 5) == ["recovering"]
    assert rule.wait(hours=5, minutes=50) == []
    assert rule.wait(minutes=10) == ["cleared"]
    assert rule.wait(hours=18) == ["raised"], "a day without data"


def test_a_rule_that_flaps_with_every_sample_reports_a_bounded_number_of_alerts() -> None:
    rule = Simulation(condition(clear={}))
    said = rule.samples(*[2.0, 0.5] * 200)
    assert 10 < said.count("raised") <= 22
    assert said.count("cleared") <= 22
