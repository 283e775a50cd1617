"""Speed and fairness of alerting: `python -m bench.alerting` (`--seconds 8` for a small one).

First what judging costs without servers. Then a platform is started, and anomalies are published straight to
`samples.scored`: how many a second alerting consumes while 1,000 rules watch other machines, how many
evaluations a second 1,000 rules on one machine make, and what others notice of such storms.
"""

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

import asyncpg
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from bench.alerting.judging import judging
from bench.alerting.notice import CLEAR, Watch, p95, requests, sample_times, watching
from bench.alerting.plants import Ledger, Site
from bench.alerting.storm import Storm
from tests.e2e.plant import Plant
from tests.stack import FOR_MANY_CALLS, Stack

RULES = 1000
MACHINES, PROBES = 8, 6
BLOCK = 50
SECONDS = 20.0
PER_SECOND = 5_000
# With a thousand rules, 20,000 evaluations.
PER_SECOND_OF_ONE = 20
# A run of so many anomalies took 31 s before rules were judged in batches.
BEFORE = 40


@asynccontextmanager
async def publishing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def speed(ledger: Ledger, storm: Storm, one: Storm, seconds: float) -> Table:
    """Anomalies consumed with rules on other machines, and evaluations of all the rules on one machine."""
    report = Table("throughput", "aim", "figure", "not counted", box=None)
    for size in (BLOCK, 1):
        storm.size = size
        before = await ledger.counted(storm.machines)
        blocks = int(seconds * PER_SECOND / BLOCK)
        took = await storm.consumed(ledger, blocks)
        lost = before + blocks * size - await ledger.counted(storm.machines)
        report.add_row(
            f"{blocks * size:,} anomalies in messages of {size}, {RULES:,} rules on another machine",
            f"{PER_SECOND:,} anomalies/s",
            f"{blocks * size / took:,.0f} anomalies/s",
            str(lost),
        )
    storm.size = BLOCK
    for name, size, blocks in (
        ("the first ones, of one run, which open its alerts", BEFORE, 1),
        ("each a run of its own", 1, BEFORE),
        (f"in messages of {BLOCK}", BLOCK, BEFORE),
    ):
        one.size = size
        before = await ledger.counted(one.machines)
        took = await one.consumed(ledger, blocks)
        lost = before + blocks * size * RULES - await ledger.counted(one.machines)
        report.add_row(
            f"{RULES:,} rules on one machine, {blocks * size:,} anomalies: {name}",
            "20,000 evaluations/s",
            f"{RULES * blocks * size / took:,.0f} evaluations/s ({took:.2f} s)",
            str(lost),
        )
    one.size = 1
    return report


async def fairness(
    ledger: Ledger, watch: Watch, url: str, site: Site, other: Site, storms: list[Storm], each: float
) -> Table:
    """Another organization's alerts alone and during each storm, and changes by the storm's own people."""
    report = Table("milliseconds, p95", "alone", "storm on 8 machines", "storm on 1,000 rules", box=None)
    times = sample_times()
    await watch.alerts(other, times, 1.0)
    broker, alerts, changes = list[float](), list[float](), list[dict[str, list[float]]]()
    blown, behind = list[float](), list[float]()
    for storm, rate in ((None, 0), (storms[0], PER_SECOND), (storms[1], PER_SECOND_OF_ONE)):
        rule = site.rules[-1] if storm is storms[1] else site.rules[0]
        sent, began = storm.sent if storm else 0, time.perf_counter()
        async with storm.blowing(rate) if storm else nullcontext():
            await asyncio.sleep(1.0 if storm else 0.0)
            broker.append(p95(await watch.echoes(each / 4)))
            alerts.append(p95(await watch.alerts(other, times, each)))
            changes.append(await requests(url, site, rule, each / 2))
        took = time.perf_counter() - began
        blown.append((storm.sent - sent) * storm.size / took if storm else 0.0)
        behind.append(await storm.behind(ledger) * storm.size / max(blown[-1], 1.0) if storm else 0.0)
        if storm:
            await storm.over(ledger)

    def row(name: str, values: list[float], shown: str = "{:.0f}") -> None:
        report.add_row(name, *(shown.format(value) for value in values))

    row("the storm: anomalies sent per second", blown)
    row("  seconds of it not judged yet at its end", behind, "{:.1f}")
    row("broker: a record there and back", broker)
    row("another organization's alert.raised", alerts)
    row("  beyond the broker's latency (aim 100)", [a - b for a, b in zip(alerts, broker, strict=True)])
    row("  times alone (aim 2)", [value / alerts[0] for value in alerts], "{:.1f}")
    for name in changes[0]:
        row(f"{name} in the storm's organization (aim 500)", [p95(found[name]) for found in changes])
        row("  slowest", [max(found[name]) for found in changes])
    return report


async def on_a_platform(stack: Stack, plants: tuple[Plant, Plant], seconds: float, console: Console) -> None:
    site, other = Site.of(plants[0], MACHINES + 1), Site.of(plants[1], PROBES, clear=CLEAR)
    async with AsyncExitStack() as open_until_end:
        connection = await asyncpg.connect(stack.admin_dsn)
        open_until_end.push_async_callback(connection.close)
        producer = await open_until_end.enter_async_context(publishing(stack.kafka_bootstrap))
        watch = await open_until_end.enter_async_context(watching(stack.kafka_bootstrap, producer))
        ledger = Ledger(connection)
        await ledger.add_rules(site.rules[-1], RULES)
        storm = Storm(producer, site.organization_id, site.machines[:-1], BLOCK)
        one = Storm(producer, site.organization_id, site.machines[-1:], 1)
        console.print(await speed(ledger, storm, one, seconds))
        storms = [storm, one]
        console.print(await fairness(ledger, watch, stack.gateway_url, site, other, storms, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each storm")
    options = parser.parse_args()
    console = Console(width=140)
    console.print(judging())
    with (
        Stack(settings=FOR_MANY_CALLS) as stack,
        Plant.joined(stack.gateway_url) as plant,
        Plant.joined(stack.gateway_url) as other,
    ):
        asyncio.run(on_a_platform(stack, (plant, other), options.seconds, console))
    console.print(f"load of this machine: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")


if __name__ == "__main__":
    main()
