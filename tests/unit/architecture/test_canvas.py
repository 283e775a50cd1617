"""The README of each service matches its code: routes, topics, tables. Names are unique across services."""

import re
from collections import Counter

import pytest

from shared.events.auth import ACCESS_ENDED, AUDIT_RECORDED
from shared.events.deletions import DELETION_REPORTED, DELETION_REQUESTED
from shared.events.registry import TOPICS
from tests.unit.architecture import canvas
from tests.unit.architecture.source import ROOT, SERVICES, WITH_TABLES

# Every service has these; every write is audited, and every service deletes what it has of what is deleted. A
# README may list them anyway.
TABLES_OF_ALL = {"outbox", "inbox", "idempotency_keys"}
PUBLISHED_BY_ALL = {AUDIT_RECORDED.name, DELETION_REQUESTED.name, DELETION_REPORTED.name}
TOPIC = re.compile(r"`([a-z]+\.[a-z_]+)`")
# What docs/architecture.md says of all services below its table of programs.
SAID_OF_ALL = {*PUBLISHED_BY_ALL, ACCESS_ENDED.name}


@pytest.mark.parametrize("service", SERVICES)
def test_the_listed_calls_are_those_of_the_document(service: str) -> None:
    listed = canvas.listed(service, "API")
    assert len(listed) == len(set(listed))
    assert set(listed) == canvas.routes(service)


@pytest.mark.parametrize("service", SERVICES)
def test_no_route_hides_another(service: str) -> None:
    found = Counter(canvas.addresses(service))
    assert found
    assert [address for address, count in found.items() if count > 1] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_listed_topics_are_the_ones_consumed(service: str) -> None:
    assert sorted(canvas.listed(service, "Consumes")) == sorted(canvas.consumed(service))


@pytest.mark.parametrize("service", SERVICES)
def test_the_listed_topics_are_the_ones_published(service: str) -> None:
    listed = set(canvas.listed(service, "Publishes"))
    assert listed - PUBLISHED_BY_ALL == canvas.published(service) - PUBLISHED_BY_ALL


@pytest.mark.parametrize("service", WITH_TABLES)
def test_the_table_of_programs_lists_the_same_topics(service: str) -> None:
    """The worker is a program of the package of analysis."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in text.partition("| program | owns |")[2].split("\n\n")[0].splitlines()]
    programs = {service, "worker"} if service == "analysis" else {service}
    cells = [row[3:5] for row in rows if row[1:] and row[1].strip() in programs]
    assert len(cells) == len(programs)
    consumes, publishes = (set(TOPIC.findall("".join(column))) for column in zip(*cells, strict=True))
    assert consumes - SAID_OF_ALL == canvas.handled(service) - SAID_OF_ALL
    assert publishes - SAID_OF_ALL == canvas.published(service) - SAID_OF_ALL


@pytest.mark.parametrize("service", SERVICES)
def test_the_listed_tables_are_the_ones_made(service: str) -> None:
    made = canvas.tables(service) if service in WITH_TABLES else set()
    assert set(canvas.listed(service, "Tables")) - TABLES_OF_ALL == made


def test_every_topic_has_its_producer_and_only_that() -> None:
    producers = {topic.name: topic.producer for topic in TOPICS if topic.name not in PUBLISHED_BY_ALL}
    publishing = {topic: service for service in SERVICES for topic in canvas.published(service)}
    assert {topic: publishing.get(topic) for topic in producers} == producers


def test_every_topic_has_a_consumer() -> None:
    """Some are only for downstream systems."""
    consumed = {topic for service in SERVICES for topic in canvas.consumed(service)}
    assert {topic.name for topic in TOPICS} - consumed == {
        "analysis.archived",
        "analysis.restored",
        "anomaly.acknowledged",
    }


def test_operations_have_names_of_their_own_over_all_services() -> None:
    names: list[str] = []
    for service in WITH_TABLES:
        for methods in canvas.application(service).openapi()["paths"].values():
            names += [operation["operationId"] for operation in methods.values()]
    assert sorted(names) == sorted(set(names))
    assert len(names) > 40


@pytest.mark.parametrize("service", WITH_TABLES)
def test_every_operation_is_described_and_names_its_problems(service: str) -> None:
    undescribed = []
    for path, methods in canvas.application(service).openapi()["paths"].items():
        for method, operation in methods.items():
            problems = [code for code in operation["responses"] if code.startswith("4")]
            told = all(operation.get(part) for part in ("summary", "description", "tags"))
            if not told or not problems:
                undescribed.append(f"{method} {path}")
    assert undescribed == []
