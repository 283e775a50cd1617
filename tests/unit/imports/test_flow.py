"""An import through the gateway's API, against a small stand-in."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dinsight.imports.cutting import cut
from dinsight.imports.errors import ImportRefused
from dinsight.imports.flow import Imported, Importer
from dinsight.imports.gateway import Gateway
from dinsight.imports.lookout import read_lookout
from tests.unit.imports.exports import BROKEN, ROWS, TRAINED, lookout


@dataclass
class StandIn:
    """Completes every analysis; samples of the run with labels are anomalies, and raise an alert."""

    machines: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[dict[str, str]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    resolved: list[dict[str, Any]] = field(default_factory=list)
    open_alerts: int = 0
    failure: dict[str, Any] | None = None
    may_rule: bool = True

    async def machine(self, request: web.Request) -> web.Response:
        self.machines.append(await request.json() | {"id": "press"})
        return web.json_response(self.machines[-1], status=201)

    async def known(self, request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] == "secret"
        return web.json_response({"items": self.machines, "next_cursor": None})

    async def rule(self, request: web.Request) -> web.Response:
        if not self.may_rule:
            return web.json_response({"detail": "needs admin"}, status=403)
        self.rules.append(await request.json())
        return web.json_response({"id": "rule"}, status=201)

    async def upload(self, request: web.Request) -> web.Response:
        form = {}
        async for part in await request.multipart():
            assert isinstance(part, aiohttp.BodyPartReader)
            content = await part.read(decode=False)
            form[str(part.name)] = str(len(content)) if part.name == "files" else content.decode()
        self.uploads.append(form)
        self.open_alerts += "labels" in form
        return web.json_response({"id": str(len(self.uploads) - 1)}, status=202)

    async def analysis(self, request: web.Request) -> web.Response:
        place = int(request.match_info["id"])
        if self.failure is not None:
            return web.json_response({"id": str(place), "status": "failed", "error": self.failure})
        count = len(BROKEN) if "labels" in self.uploads[place] else 0
        body = {"id": str(place), "status": "completed", "results": {"anomaly_count": count}}
        return web.json_response(body)

    async def points(self, request: web.Request) -> web.Response:
        labelled = "labels" in self.uploads[int(request.match_info["id"])]
        count = int(request.query["stop"]) - int(request.query["start"])
        body = {
            "metadata": [{"timestamp": "2024-03-21T08:00:00Z"}] * count,
            "anomaly": [labelled] * count,
            "distance": [1.0] * (count - 1) + [None],
        }
        return web.json_response(body)

    async def alerts(self, _request: web.Request) -> web.Response:
        items = [{"id": "old", "status": "resolved"}]
        items += [{"id": "alert", "status": "active"}] * self.open_alerts
        return web.json_response({"items": items, "next_cursor": None})

    async def resolve(self, request: web.Request) -> web.Response:
        self.open_alerts -= 1
        self.resolved.append(await request.json())
        return web.json_response({"id": "alert"})

    def app(self) -> web.Application:
        app = web.Application()
        prefix = "/api/v1"
        app.router.add_post(f"{prefix}/machines", self.machine)
        app.router.add_get(f"{prefix}/machines", self.known)
        app.router.add_post(f"{prefix}/alert-rules", self.rule)
        app.router.add_post(f"{prefix}/analyses", self.upload)
        app.router.add_get(f"{prefix}/analyses/{{id}}", self.analysis)
        app.router.add_get(f"{prefix}/analyses/{{id}}/points", self.points)
        app.router.add_get(f"{prefix}/alerts", self.alerts)
        app.router.add_post(f"{prefix}/alerts/{{id}}/resolve", self.resolve)
        return app


async def imported(stand_in: StandIn, folder: Path) -> Imported:
    dataset = read_lookout(lookout(folder / "export"))
    pieces = cut(dataset, folder)
    async with (
        TestServer(stand_in.app()) as server,
        Gateway.opened(str(server.make_url("")), "secret") as gateway,
    ):
        return await Importer(gateway, lambda _: None).run(dataset, pieces)


async def test_a_machine_its_baseline_and_runs_with_outcomes(tmp_path: Path) -> None:
    stand_in = StandIn()
    done = await imported(stand_in, tmp_path)
    assert [machine["name"] for machine in stand_in.machines] == ["press-7"]
    baseline, before, during, after = stand_in.uploads
    assert json.loads(baseline["config"])["start_dim"] == "motor.speed"
    assert "labels" not in baseline
    assert {each["baseline_id"] for each in (before, during, after)} == {"0"}
    assert during["labels"].splitlines()[1].endswith(',"fault"')
    assert len(stand_in.rules) == 1
    assert stand_in.resolved == [{"outcome": "true_alarm", "fault_code": "fault"}]
    assert done.outcomes == {"true_alarm": 1}
    # The last sample of each of the three runs was not judged.
    assert len(done.samples) == ROWS - TRAINED - 3
    assert sum(anomaly for _, anomaly in done.samples) == len(BROKEN) - 1


async def test_a_machine_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    stand_in = StandIn(machines=[{"id": "other", "name": "press-7"}])
    with pytest.raises(ImportRefused, match="--machine"):
        await imported(stand_in, tmp_path)
    assert stand_in.uploads == []


async def test_a_key_that_may_not_write_rules_imports_without_outcomes(tmp_path: Path) -> None:
    stand_in = StandIn(may_rule=False)
    done = await imported(stand_in, tmp_path)
    assert (done.runs, done.outcomes, stand_in.resolved) == (3, {}, [])
    assert "role admin" in done.notes[0]


async def test_a_failed_analysis_ends_the_import_with_its_reason(tmp_path: Path) -> None:
    stand_in = StandIn(failure={"message": "no such column"})
    with pytest.raises(ImportRefused, match="no such column"):
        await imported(stand_in, tmp_path)
