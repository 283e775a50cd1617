"""Whatever dies: each analysis ends exactly once, no event is lost, no alert is doubled."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.plant import Plant, eventually
from tests.e2e.topics import Record, header, is_event, read_published, send
from tests.stack import Stack
from tests.support.tables import as_csv, spectra, with_fault

ANALYSES = 50
MACHINES = 5
# Enough work to kill a worker in the middle of it.
LARGE_ROWS, FAULTY_LARGE = 2_500, 2_450
MAX_TRIES = 5
BASELINE = as_csv(spectra(150, seed=20))
MONITORING_ROWS, FAULTY_FROM = 30, 20
MONITORING = as_csv(with_fault(spectra(MONITORING_ROWS, seed=21), FAULTY_FROM))


def distinct(records: list[Record], topic: str) -> list[dict[str, Any]]:
    """The payloads of the topic's events, without duplicates and poison records."""
    events = {header(r, "ce_id"): r.value for r in records if r.topic == topic and is_event(r)}
    return [json.loads(value or b"") for value in events.values()]


def assert_each_ended_once(stack: Stack, analyses: list[str]) -> None:
    records = read_published(stack, "analysis.completed", "analysis.failed")
    ends = Counter(payload["analysis_id"] for payload in distinct(records, "analysis.completed"))
    ends += Counter(payload["analysis_id"] for payload in distinct(records, "analysis.failed"))
    assert {analysis: ends[analysis] for analysis in analyses} == dict.fromkeys(analyses, 1)


def assert_no_event_lost(stack: Stack, plant: Plant, analyses: list[str]) -> None:
    """Check that every stored anomaly was published once."""
    records = read_published(stack, "anomaly.detected")
    told = Counter(payload["anomaly_id"] for payload in distinct(records, "anomaly.detected"))
    stored = [anomaly["id"] for id_ in analyses for anomaly in plant.all("/anomalies", analysis_id=id_)]
    assert stored
    assert {id_: told[id_] for id_ in stored} == dict.fromkeys(stored, 1)


def assert_one_alert(stack: Stack, plant: Plant, machine: str) -> None:
    assert len(plant.alerts(machine)) == 1
    raised = distinct(read_published(stack, "alert.raised"), "alert.raised")
    assert sum(payload["machine_id"] == machine for payload in raised) == 1


def status_once_started(plant: Plant, analysis: str) -> str:
    def status() -> str:
        found = str(plant.get(f"/analyses/{analysis}")["status"])
        return "" if found == "pending" else found

    return eventually(status, seconds=120, what="the start of the analysis")


def until_one_is_processing(plant: Plant, upload: Callable[[], str]) -> list[str]:
    """Upload until an analysis is seen running, and return all analyses; the last one is running."""
    analyses: list[str] = []
    while len(analyses) < MAX_TRIES:
        analyses.append(upload())
        if status_once_started(plant, analyses[-1]) == "processing":
            return analyses
    raise AssertionError(f"each of {MAX_TRIES} analyses ended before it was seen at work")


@pytest.fixture
def machine(plant: Plant) -> str:
    created = plant.machine()
    plant.rule(created)
    plant.completed(plant.upload(created, "baseline", ("normal.csv", BASELINE)))
    return created


@pytest.mark.timeout(300)
def test_workers_killed_in_the_middle_of_their_analyses(stack: Stack, plant: Plant, machine: str) -> None:
    """One worker fits a baseline, one scores chunks. Both are killed, and both analyses end once."""
    other = plant.machine()
    normal, faulty = spectra(LARGE_ROWS, seed=22), with_fault(spectra(LARGE_ROWS, seed=23), FAULTY_LARGE)
    year, today = ("normal.csv", as_csv(normal)), ("today.csv", as_csv(faulty))
    baselines = until_one_is_processing(plant, lambda: plant.upload(other, "baseline", year))
    runs = until_one_is_processing(plant, lambda: plant.upload(machine, "monitoring", today))
    stack.kill("worker-1")
    stack.kill("worker-2")
    for analysis in (*baselines, *runs):
        done = plant.completed(analysis, seconds=180)
        assert done["results"]["samples"] == LARGE_ROWS
        upload = done["file_upload_id"]
        last = plant.get(
            f"/file-uploads/{upload}/features", start=LARGE_ROWS - 1, stop=LARGE_ROWS, features="f_0"
        )
        assert len(last["values"]) == 1
        assert plant.get(f"/analyses/{done['id']}/points")["index"] == list(range(LARGE_ROWS))
    for run in runs:
        found = [anomaly["sample_index"] for anomaly in plant.all("/anomalies", analysis_id=run)]
        assert set(range(FAULTY_LARGE, LARGE_ROWS)) <= set(found)
        assert len(found) == len(set(found))
    assert_each_ended_once(stack, [*baselines, *runs])
    assert_no_event_lost(stack, plant, runs)
    eventually(lambda: everything_counted(plant, machine, runs), seconds=60, what="all anomalies counted")
    assert_one_alert(stack, plant, machine)
    stack.wait_ready()


@pytest.mark.timeout(300)
def test_services_killed_while_events_flow(stack: Stack, plant: Plant, machine: str) -> None:
    """The relays run in the service processes, which are killed repeatedly between publish and mark."""
    analyses = []
    for victim in ("analysis", "alerting", "machines", "analysis"):
        analyses.append(plant.upload(machine, "monitoring", ("today.csv", MONITORING)))
        stack.kill(victim)
        stack.wait_ready()
    for analysis in analyses:
        plant.completed(analysis, seconds=120)
    eventually(lambda: everything_counted(plant, machine, analyses), seconds=60, what="all anomalies counted")
    assert_each_ended_once(stack, analyses)
    assert_no_event_lost(stack, plant, analyses)
    assert_one_alert(stack, plant, machine)


def everything_counted(plant: Plant, machine: str, analyses: list[str]) -> bool:
    expected = sum(len(plant.all("/anomalies", analysis_id=analysis)) for analysis in analyses)
    [alert] = plant.all("/alerts", machine_id=machine) or [{"count": 0}]
    return bool(alert["count"] == expected)


@pytest.mark.timeout(300)
def test_the_broker_killed_while_work_is_on_it(stack: Stack, plant: Plant, machine: str) -> None:
    analyses = [plant.upload(machine, "monitoring", ("a.csv", MONITORING)) for _ in range(3)]
    stack.kill("broker")
    stack.wait_ready()
    analyses += [plant.upload(machine, "monitoring", ("b.csv", MONITORING)) for _ in range(3)]
    for analysis in analyses:
        plant.completed(analysis, seconds=180)
    eventually(lambda: everything_counted(plant, machine, analyses), seconds=90, what="all anomalies counted")
    assert_each_ended_once(stack, analyses)
    assert_no_event_lost(stack, plant, analyses)
    assert_one_alert(stack, plant, machine)
    # Every service still knows a machine created before the loss, and one created after it.
    another = plant.machine("After")
    plant.rule(another)
    plant.completed(plant.upload(another, "baseline", ("normal.csv", BASELINE)))


def test_the_same_event_twice(stack: Stack, plant: Plant, machine: str) -> None:
    analysis = plant.upload(machine, "monitoring", ("today.csv", MONITORING))
    plant.completed(analysis)
    eventually(lambda: everything_counted(plant, machine, [analysis]), seconds=60, what="all counted")
    for topic in ("machine.changed", "anomaly.detected", "analysis.completed"):
        records = [r for r in read_published(stack, topic) if machine.encode() in (r.value or b"")]
        assert records
        send(stack.kafka_bootstrap, topic, *((r.key, r.value or b"", list(r.headers)) for r in records))
    # A new event after the duplicates, with the same key, shows that they have been handled.
    later = plant.upload(machine, "monitoring", ("later.csv", MONITORING))
    plant.completed(later)
    eventually(lambda: everything_counted(plant, machine, [analysis, later]), seconds=60, what="all counted")
    assert_each_ended_once(stack, [analysis, later])
    assert_one_alert(stack, plant, machine)


def test_a_poison_record_stalls_nothing_and_is_kept(stack: Stack, plant: Plant, machine: str) -> None:
    mark = f"poison {uuid4()}".encode()
    topics = ("anomaly.detected", "machine.changed")
    for topic in topics:
        bad_headers = [("ce_id", b"\xff\xfe"), ("reply_to", b"nowhere")]
        send(stack.kafka_bootstrap, topic, *[(machine.encode(), mark, bad_headers)] * 3)
    analysis = plant.upload(machine, "monitoring", ("today.csv", MONITORING))
    plant.completed(analysis)
    plant.alerts(machine)

    def dead_lettered() -> bool:
        records = read_published(stack, *(f"{topic}.dead-letter" for topic in topics))
        return {header(r, "dead-letter-topic") for r in records if r.value == mark} == set(topics)

    eventually(dead_lettered, seconds=60, what="the poison records on the dead-letter topics")


@pytest.mark.timeout(600)
def test_fifty_analyses_on_two_workers_of_which_one_dies(stack: Stack, plant: Plant) -> None:
    machines = [plant.machine(f"Rig {number}") for number in range(MACHINES)]
    baselines = [plant.upload(machine, "baseline", ("normal.csv", BASELINE)) for machine in machines]
    for machine, baseline in zip(machines, baselines, strict=True):
        plant.rule(machine)
        plant.completed(baseline)
    analyses = []
    for number in range(ANALYSES - MACHINES):
        machine = machines[number % MACHINES]
        analyses.append(plant.upload(machine, "monitoring", (f"{number}.csv", MONITORING)))
    status_once_started(plant, analyses[0])
    stack.kill("worker-2")
    for analysis in analyses:
        plant.completed(analysis, seconds=400)

    def settled() -> bool:
        return all(
            everything_counted(
                plant, machine, [id_ for i, id_ in enumerate(analyses) if i % MACHINES == number]
            )
            for number, machine in enumerate(machines)
        )

    eventually(settled, seconds=120, what="all anomalies counted in the alerts")
    assert_each_ended_once(stack, [*baselines, *analyses])
    assert_no_event_lost(stack, plant, analyses)
    for machine in machines:
        assert_one_alert(stack, plant, machine)
