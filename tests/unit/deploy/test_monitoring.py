"""Prometheus scrapes every program, and what is shown and alerted on is what the code measures."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.deploy.compose import compose
from tests.unit.deploy.programs import PROGRAMS, ROOT

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
WORDS = frozenset({"and", "or", "unless", "bool", "group_left", "group_right"})
PARTS = re.compile(r"_(bucket|count|sum)$")


def load(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


def rule_expressions() -> Iterator[tuple[str, str]]:
    for group in load("prometheus/rules.yml")["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


EXPRESSIONS = [*dashboard_expressions(), *rule_expressions()]


def metrics_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w.])([A-Za-z_:][\w:]*)\b(?!\s*\()", bare)
    return set(names) - WORDS


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """Bounds of every sample that a service serves, by the sample's name; `up` is Prometheus' own."""
    printed = subprocess.run(
        [sys.executable, "-m", "tests.unit.deploy.print_metrics"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(printed.stdout):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update({sample.labels.get("le", "")} - {""})
    return found


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_only_metrics_that_exist_are_used(where: str, expression: str, samples: dict[str, set[str]]) -> None:
    assert metrics_in(expression)
    assert metrics_in(expression) <= samples.keys()


def test_every_metric_of_ours_is_shown_or_alerted_on(samples: dict[str, set[str]]) -> None:
    used = set().union(*(metrics_in(expression) for _, expression in EXPRESSIONS))
    ours = {PARTS.sub("", name) for name in samples if name.startswith("dinsight_")}
    shown = {PARTS.sub("", name) for name in used if name.startswith("dinsight_")}
    assert ours == shown


def test_histograms_of_seconds_tell_milliseconds_apart(samples: dict[str, set[str]]) -> None:
    bounds = samples["dinsight_rule_evaluation_duration_seconds_bucket"]
    assert min(map(float, bounds)) <= 0.001


def test_the_names_in_an_expression_are_found() -> None:
    expression = (
        'histogram_quantile(0.95, sum by (le, a) (rate(x_bucket{b=~"c.*"}[5m]))) / on (d) max(y) > 1e3'
    )
    assert metrics_in(expression) == {"x_bucket", "y"}


def test_prometheus_scrapes_every_program() -> None:
    jobs = load("prometheus/prometheus.yml")["scrape_configs"]
    targets = {
        target
        for job in jobs
        for static in job.get("static_configs", [])
        for target in static["targets"]
        if static.get("labels", {}).get("program") == target.split(":")[0]
    }
    for job in jobs:
        for lookup in job.get("dns_sd_configs", []):
            targets |= {f"{name}:{lookup['port']}" for name in lookup["names"]}
    ports = {name: program.settings[-1].model_fields["port"].default for name, program in PROGRAMS.items()}
    assert targets == {f"{name}:{port}" for name, port in ports.items()}


def test_rules_are_loaded_from_where_they_are_mounted() -> None:
    mounts = [mount.split(":")[1] for mount in compose()["services"]["prometheus"]["volumes"]]
    assert load("prometheus/prometheus.yml")["rule_files"] == ["/etc/prometheus/rules.yml"]
    assert "/etc/prometheus/rules.yml" in mounts


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_use_the_provisioned_source(path: Path) -> None:
    sources = {
        source["uid"] for source in load("grafana/provisioning/datasources/datasources.yml")["datasources"]
    }
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert dashboard["uid"] == path.stem
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"]["uid"] in sources
        assert panel["title"]
        assert panel["description"]


def test_dashboards_do_not_overlap() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= 24
            assert not taken & cells
            taken |= cells


def test_dashboards_are_provisioned_from_where_they_are_mounted() -> None:
    provider = load("grafana/provisioning/dashboards/dashboards.yml")["providers"][0]
    volumes = compose()["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in volumes


def test_traces_are_sent_from_the_programs_to_the_store() -> None:
    services, collector = compose()["services"], load("otel/collector.yml")
    port = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    for name in PROGRAMS:
        endpoint = services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert endpoint == f"http://otel-collector:{port}"
    pipeline = collector["service"]["pipelines"]["traces"]
    assert [exporter for exporter in pipeline["exporters"] if exporter in collector["exporters"]]
    assert collector["exporters"][pipeline["exporters"][0]]["endpoint"].split(":")[0] in services
