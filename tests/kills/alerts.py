"""Kills alerting with kill -9 in a storm of anomalies, and counts what reached its receivers.

`python -m tests.kills.alerts`: anomalies alternate with what lets their alerts clear, so each anomaly opens
an alert of each rule, and each alert tells two receivers on this machine. Prints how many alerts, anomalies,
events and messages were lost, doubled or out of order. Ends with status 1 when any was.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import web
from rich.console import Console
from rich.table import Table

from shared.events.analysis import SAMPLES_SCORED
from tests.e2e.plant import Plant
from tests.e2e.test_faults import distinct
from tests.e2e.topics import header, is_event, read_published
from tests.integration.alerting.publishing import Publisher, publishing
from tests.stack import FOR_MANY_CALLS, Stack
from tests.support.waiting import eventually
from tests.unit.alerting.examples import SECRET, condition, scored

KILLS = 8
MACHINES, RULES = 4, 2
TARGETS = ("maintenance", "control")
ANOMALY, NORMAL = [2.0], [0.5, 0.5, 0.5]
EVERY = timedelta(seconds=1)
BETWEEN_BLOCKS = 10 * EVERY
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 2.0
MAX_END_SECONDS = 240.0
SETTINGS = {
    **FOR_MANY_CALLS,
    "DINSIGHT_ALERTING_WEBHOOK_ALLOW_PRIVATE": "true",
    "DINSIGHT_ALERTING_WEBHOOK_FIRST_RETRY_SECONDS": "0.5",
}
# Nothing is on its way: everything is judged, and no message waits.
UNDER_WAY = """
SELECT (SELECT count(*) FROM alerting.series_heads WHERE queued IS NOT NULL OR judged_number < last_number)
     + (SELECT count(*) FROM alerting.deliveries WHERE status = 'pending')
"""
KEPT = "SELECT coalesce(sum(last_number), 0) FROM alerting.series_heads"
ALERTS = "SELECT id, status, (data ->> 'count')::int AS count FROM alerting.alerts WHERE organization_id = $1"
Finding = tuple[str, int, int, int, int]


@dataclass
class Receiver:
    """What came, by target: (id of the message, type, data) in the order of arrival."""

    url: str = ""
    came: dict[str, list[tuple[str, str, dict[str, Any]]]] = field(default_factory=lambda: defaultdict(list))

    async def take(self, request: web.Request) -> web.Response:
        message = json.loads(await request.read())
        heard = request.headers["webhook-id"], message["type"], message["data"]
        self.came[request.match_info["target"]].append(heard)
        return web.Response(status=204)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_post("/{target}", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield self
        await runner.cleanup()


def machine_with_rules(plant: Plant, url: str) -> dict[str, Any]:
    machine = plant.post("/machines", {"name": "Pump"})
    for number in range(RULES):
        webhooks = {name: {"url": f"{url}/{name}", "secret": SECRET} for name in TARGETS}
        steps = [{"after": "PT0S", "channels": [f"webhook:{name}" for name in TARGETS]}]
        actions = {"version": 1, "on": ["raised", "resolved"], "steps": steps, "webhooks": webhooks}
        rule = {
            "machine_id": machine["id"],
            "name": f"Far from normal {number}",
            "condition": condition(clear={"no_recurrence_for": "PT2S"}),
            "actions": actions,
            "severity": "high",
        }
        plant.post("/alert-rules", rule)
    return machine


@dataclass
class Storm:
    publisher: Publisher
    machines: Sequence[dict[str, Any]]
    sent: int = 0
    anomalies: int = 0
    stopped: bool = False

    async def blow(self) -> None:
        """Send a block to each machine in turn, until it is stopped."""
        at = datetime.now(UTC) - timedelta(hours=12)
        for ratios in itertools.cycle((ANOMALY, NORMAL)):
            if self.stopped:
                return
            for machine in self.machines:
                payload = scored(UUID(machine["id"]), ratios, start=at, every=EVERY)
                await self.publisher.publish(SAMPLES_SCORED, payload, UUID(machine["organization_id"]))
                self.sent += 1
                self.anomalies += ratios is ANOMALY
            at += BETWEEN_BLOCKS
            await asyncio.sleep(PAUSE_SECONDS)


async def killed_in_a_storm(stack: Stack, storm: Storm, kills: int, rng: random.Random) -> None:
    blowing = asyncio.create_task(storm.blow())
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.0, MAX_PAUSE_SECONDS))
        await asyncio.to_thread(stack.kill, "alerting")
        await asyncio.to_thread(stack.wait_ready)
    storm.stopped = True
    await blowing


async def settle(connection: asyncpg.Connection, sent: int) -> None:
    async def settled() -> bool:
        kept = await connection.fetchval(KEPT)
        return bool(kept >= sent and not await connection.fetchval(UNDER_WAY))

    await eventually(settled, seconds=MAX_END_SECONDS, every=0.5, what="the end of the storm")


def difference(name: str, expected: int, found: int) -> Finding:
    return name, expected, max(0, expected - found), max(0, found - expected), 0


def inversions(versions: Sequence[tuple[str, int]]) -> int:
    """How often a version of something comes after a later one of it."""
    newest: dict[str, int] = {}
    wrong = 0
    for key, version in versions:
        wrong += version < newest.get(key, 0)
        newest[key] = max(version, newest.get(key, 0))
    return wrong


def of_events(stack: Stack, alerts: Sequence[asyncpg.Record]) -> Finding:
    records = read_published(stack, "alert.raised", "alert.changed")
    raised = Counter(payload["alert_id"] for payload in distinct(records, "alert.raised"))
    known = [str(alert["id"]) for alert in alerts]
    changed = list(
        {header(r, "ce_id"): r for r in records if r.topic == "alert.changed" and is_event(r)}.values()
    )
    states = [json.loads(record.value or b"") for record in changed]
    wrong = inversions([(state["alert_id"], state["version"]) for state in states])
    lost, doubled = sum(raised[id_] == 0 for id_ in known), sum(raised[id_] > 1 for id_ in known)
    return "alert.raised, and the order of alert.changed", len(known), lost, doubled, wrong


def of_target(
    name: str, came: Sequence[tuple[str, str, dict[str, Any]]], alerts: Sequence[asyncpg.Record]
) -> tuple[Finding, int]:
    """Lost: an alert whose newest message tells another status. And how many attempts came again."""
    first = {id_: (kind, data) for id_, kind, data in reversed(came)}
    once = [first[id_] for id_ in dict.fromkeys(id_ for id_, _, _ in came)]
    told = Counter((data["alert_id"], data["version"], kind) for kind, data in once)
    last = {data["alert_id"]: data["status"] for _, data in once}
    lost = sum(last.get(str(alert["id"])) != alert["status"] for alert in alerts)
    doubled = sum(count - 1 for count in told.values())
    wrong = inversions([(data["alert_id"], data["version"]) for _, data in once])
    return (f"messages to {name}", len(once), lost, doubled, wrong), len(came) - len(once)


async def counted(stack: Stack, plant: Plant, kills: int, rng: random.Random) -> tuple[list[Finding], int]:
    connection = await asyncpg.connect(stack.admin_dsn)
    async with Receiver().running() as receiver, publishing(stack.kafka_bootstrap) as publisher:
        machines = [await asyncio.to_thread(machine_with_rules, plant, receiver.url) for _ in range(MACHINES)]
        storm = Storm(publisher, machines)
        await killed_in_a_storm(stack, storm, kills, rng)
        await settle(connection, storm.sent)
        alerts = await connection.fetch(ALERTS, UUID(machines[0]["organization_id"]))
        await connection.close()
        expected = storm.anomalies * RULES
        findings = [
            difference("alerts", expected, len(alerts)),
            difference("anomalies that they counted", expected, sum(each["count"] for each in alerts)),
            await asyncio.to_thread(of_events, stack, alerts),
        ]
        again = 0
        for name in TARGETS:
            finding, repeated = of_target(name, receiver.came[name], alerts)
            findings.append(finding)
            again += repeated
        return findings, again


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    with Stack(settings=SETTINGS) as stack, Plant.joined(stack.gateway_url) as plant:
        rng = random.Random(options.seed)
        findings, again = asyncio.run(counted(stack, plant, options.kills, rng))
    report = Table(f"{options.kills} kills of alerting (seed {options.seed})")
    for heading in ("count", "lost", "doubled", "out of order"):
        report.add_column(heading, justify="right")
    for name, *figures in findings:
        report.add_row(name, *map(str, figures))
    console = Console(width=110)
    console.print(report)
    console.print(f"{again} attempts came again with the id of their message, as receivers are told")
    return int(any(any(figures) for _, _, *figures in findings))


if __name__ == "__main__":
    sys.exit(main())
