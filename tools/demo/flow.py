"""The flow of the demo: from two files to an alert, a line in a downstream system, and a picture."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tools.demo.api import Api, Json
from tools.demo.downstream import Downstream
from tools.demo.errors import AnalysisFailed
from tools.demo.follow import EventLog, follow_analysis
from tools.demo.picture import MapData, draw_map
from tools.demo.place import Place
from tools.demo.screen import Screen

RULE: Json = {
    "name": "Outside normal",
    "severity": "medium",
    "condition": {
        "version": 1,
        "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5},
        "severity": [
            {"level": "medium"},
            {"level": "high", "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 2.5}},
            {"level": "critical", "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 4}},
        ],
    },
}
RATIO_THAT_ALERTS = 1.5
# Alerts follow anomalies by milliseconds; a loaded machine may need seconds.
ALERT_SECONDS = 30.0
# An alert that has not changed for this long has taken all of the run's anomalies in.
SETTLED_SECONDS = 1.0
DOWNSTREAM_SECONDS = 20.0
PAGE = 500


@dataclass(frozen=True)
class Wanted:
    """What the demo shows. `name_of` describes a feature of an anomaly's sample."""

    baseline: Path
    monitoring: Path
    machine: Json
    map_path: Path
    name_of: Callable[[str, Json], str]


@dataclass
class Outcome:
    """Everything that the demo found; `--json` prints it."""

    gateway: str
    machine: Json = field(default_factory=dict)
    baseline: Json = field(default_factory=dict)
    monitoring: Json = field(default_factory=dict)
    anomalies: list[Json] = field(default_factory=list)
    alerts: list[Json] = field(default_factory=list)
    config: Json | None = None
    downstream: str | None = None
    map: str = ""
    link: str = ""
    stream_breaks: int = 0
    timings: dict[str, float] = field(default_factory=dict)


class Demo:
    def __init__(self, place: Place, wanted: Wanted, screen: Screen) -> None:
        self._place = place
        self._wanted = wanted
        self._screen = screen
        self._outcome = Outcome(place.gateway)
        self._link_token: str | None = None

    async def run(self) -> Outcome:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            api = Api(session, self._place.gateway)
            await self._enter(api)
            machine = await self._prepare(api)
            log = EventLog(api)
            await stack.enter_async_context(log.reading())
            baseline = await self._baseline(api, log)
            listener = await self._listen(stack, machine["id"])
            monitoring = await self._monitoring(api, log)
            await self._tell(api, log, monitoring, listener)
            await self._draw(api, baseline, monitoring)
            self._show_links()
            self._outcome.stream_breaks = log.breaks
        return self._outcome

    def _show_links(self) -> None:
        """Where a browser shows all of it. The link signs in once; without one, people sign in themselves."""
        outcome = self._outcome
        machine = f"/o/{outcome.machine['organization_id']}/machines/{outcome.machine['id']}"
        outcome.link = f"{self._place.page}{machine}"
        if self._link_token is not None:
            query = urlencode({"next": machine})
            outcome.link = f"{self._place.page}/sign-in/link?{query}#token={self._link_token}"
        self._screen.heading("See it in a browser")
        self._screen.link("Once, signed in:" if self._link_token else "Sign in, and see:", outcome.link)

    async def _enter(self, api: Api) -> None:
        place = self._place
        if place.token is not None:
            api.sign_in(place.token, place.organization_id)
            self._screen.step(f"Signed in at {place.gateway} with the token that was named")
            return
        suffix = secrets.token_hex(4)
        email, password = f"demo-{suffix}@example.org", secrets.token_urlsafe(18)
        organization = f"Demo plant {suffix}"
        person = {"email": email, "password": password, "full_name": "Demo Engineer"}
        await api.post("/api/v1/auth/register", {**person, "organization_name": organization})
        pair = await api.post("/api/v1/auth/login", {"email": email, "password": password})
        api.sign_in(pair["access_token"], None)
        # Only the link uses it, and a refresh token can be used once.
        self._link_token = str(pair["refresh_token"])
        self._screen.step(f"Registered [bold]{organization}[/] at {place.gateway} and signed in as {email}")

    async def _prepare(self, api: Api) -> Json:
        machine = await api.post("/api/v1/machines", self._wanted.machine)
        self._outcome.machine = machine
        await api.post("/api/v1/alert-rules", {**RULE, "machine_id": machine["id"]})
        self._screen.step(
            f"Created the machine [bold]{machine['name']}[/] and the alert rule"
            f" [bold]{RULE['name']}[/] (distance at least {RATIO_THAT_ALERTS} x threshold)"
        )
        return machine

    async def _baseline(self, api: Api, log: EventLog) -> Json:
        """Fit a baseline. If the column names do not match, use the suggested configuration."""
        try:
            found = await self._analyse(api, log, "baseline", self._wanted.baseline)
        except AnalysisFailed as failed:
            if failed.suggestion is None:
                raise
            config = await api.post("/api/v1/configs", dict(failed.suggestion))
            self._outcome.config = config
            names = ", ".join(f"{name} = {value!r}" for name, value in failed.suggestion.items())
            self._screen.step(f"The file has other column names: saved them as configuration {config['id']}")
            self._screen.note(names)
            found = await self._analyse(api, log, "baseline", self._wanted.baseline)
        self._outcome.baseline = found["results"]
        self._screen.heading("What is normal")
        self._screen.baseline(found["results"])
        return found

    async def _monitoring(self, api: Api, log: EventLog) -> Json:
        found = await self._analyse(api, log, "monitoring", self._wanted.monitoring)
        self._outcome.monitoring = found["results"]
        return found

    async def _analyse(self, api: Api, log: EventLog, kind: str, file: Path) -> Json:
        fields = {"machine_id": str(self._outcome.machine["id"]), "analysis_type": kind}
        size, sent = max(1, await asyncio.to_thread(os.path.getsize, file)), 0
        began = time.monotonic()
        with self._screen.bar(f"Uploading the {kind}") as report:

            def count(piece: int) -> None:
                nonlocal sent
                sent += piece
                report(sent / size, f"{sent / 1e6:.1f} of {size / 1e6:.1f} MB")

            accepted = await api.upload(fields, file, count)
        uploaded = time.monotonic()
        self._outcome.timings[f"{kind}: upload"] = uploaded - began
        with self._screen.bar(f"Analysing the {kind}") as report:
            analysis = await follow_analysis(api, log, accepted["id"], report)
        ended = log.first("analysis.completed", analysis_id=accepted["id"])
        done = ended[0] if ended else time.monotonic()
        self._outcome.timings[f"{kind}: analysis"] = done - uploaded
        self._outcome.timings[f"{kind}: begin"] = began
        self._screen.step(
            f"{kind.capitalize()}: {file.name} ({size / 1e6:.1f} MB) uploaded in {uploaded - began:.1f} s,"
            f" analysed in {done - uploaded:.1f} s"
        )
        return analysis

    async def _listen(self, stack: AsyncExitStack, machine_id: str) -> asyncio.Task[str | None] | None:
        """Start the downstream system before the first event."""
        if self._place.kafka_bootstrap is None:
            return None
        downstream = Downstream(self._place.kafka_bootstrap)
        if not await downstream.start():
            return None
        stack.push_async_callback(downstream.stop)
        task = asyncio.create_task(downstream.first_line(machine_id))
        stack.callback(task.cancel)
        return task

    async def _tell(
        self, api: Api, log: EventLog, monitoring: Json, listener: asyncio.Task[str | None] | None
    ) -> None:
        outcome, screen = self._outcome, self._screen
        if log.breaks:
            screen.note(f"The event stream broke {log.breaks} time(s); the demo asked instead.")
        outcome.anomalies = await _all(api, "/api/v1/anomalies", analysis_id=monitoring["id"])
        outcome.alerts = await self._settled_alerts(api, log)
        screen.heading("What is not")
        screen.monitoring(monitoring["results"])
        if outcome.anomalies:
            screen.anomalies(outcome.anomalies, self._wanted.name_of)
        screen.heading("Who hears of it")
        screen.alerts(outcome.alerts)
        if listener is None:
            screen.note("No broker is known here: set DINSIGHT_KAFKA_BOOTSTRAP to see a downstream consumer.")
        elif outcome.anomalies:
            await asyncio.wait((listener,), timeout=DOWNSTREAM_SECONDS)
            outcome.downstream = listener.result() if listener.done() else None
            screen.note("A downstream system, consuming the topic anomaly.detected, noted first:")
            screen.console.print(f"  {outcome.downstream or 'nothing yet'}", highlight=False, soft_wrap=True)

    async def _settled_alerts(self, api: Api, log: EventLog) -> list[Json]:
        """Return the machine's alerts once the expected ones have been raised and no longer change."""
        machine_id = str(self._outcome.machine["id"])
        due = any(a["distance"] / a["threshold"] >= RATIO_THAT_ALERTS for a in self._outcome.anomalies)
        deadline = time.monotonic() + ALERT_SECONDS
        before: list[Json] | None = None
        while True:
            alerts: list[Json] = (await api.get("/api/v1/alerts", machine_id=machine_id))["items"]
            if (alerts == before and (alerts or not due)) or time.monotonic() > deadline:
                break
            before = alerts
            await log.change(SETTLED_SECONDS)
        began = self._outcome.timings["monitoring: begin"]
        if (raised := log.first("alert.raised", machine_id=machine_id)) is not None:
            self._outcome.timings["monitoring upload to alert"] = raised[0] - began
        return alerts

    async def _draw(self, api: Api, baseline: Json, monitoring: Json) -> None:
        outcome = self._outcome
        began = time.monotonic()
        points = [await api.get(f"/api/v1/analyses/{each['id']}/points") for each in (baseline, monitoring)]
        data = MapData(
            title=f"{outcome.machine['name']}: the map of normal",
            baseline=points[0],
            monitoring=points[1],
            severity={int(each["sample_index"]): str(each["severity"]) for each in outcome.anomalies},
            threshold=float(outcome.monitoring["threshold"]),
        )
        await asyncio.to_thread(draw_map, data, self._wanted.map_path)
        outcome.map = str(self._wanted.map_path)
        outcome.timings["map"] = time.monotonic() - began
        outcome.timings = {name: s for name, s in outcome.timings.items() if not name.endswith(": begin")}
        self._screen.heading("Where it is")
        self._screen.step(f"The map is drawn in [bold]{outcome.map}[/]")
        self._screen.heading("How long it took")
        self._screen.timings(outcome.timings)


async def _all(api: Api, path: str, **query: Any) -> list[Json]:
    """Return every item of a list, page by page."""
    items: list[Json] = []
    page = await api.get(path, limit=PAGE, **query)
    items += page["items"]
    while page["next_cursor"]:
        page = await api.get(path, limit=PAGE, cursor=page["next_cursor"], **query)
        items += page["items"]
    return items
