"""Thins out samples with age: of those that no window reaches any more, buckets with their peaks remain."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

import numpy as np
import orjson

from services.alerting.database.unit import Unit
from services.alerting.rules.signals import HEALTH_STATES, Source
from services.alerting.series.domain import Block, Floats, Kind, Record, packed
from shared.access import Scope
from shared.clock import Clock

Units: TypeAlias = Callable[[Scope], AbstractAsyncContextManager[Unit]]
# The longest window, and a day for files that come late.
KEPT = timedelta(days=31)
BUCKETS = 16
BATCH = 200


class OldRecords(Protocol):
    async def old_records(self, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID, int]]:
        """Organization, machine and number of some records that are not thinned out yet."""
        ...


class ThinOut:
    """A chore. Each record is a transaction of its own, in the scope of its organization."""

    def __init__(self, units: Units, old: OldRecords, clock: Clock) -> None:
        self._units = units
        self._old = old
        self._clock = clock

    async def __call__(self) -> None:
        before = self._clock.now() - KEPT
        while found := await self._old.old_records(before, BATCH):
            for organization_id, machine_id, number in found:
                async with self._units(Scope(organization_id=organization_id)) as unit:
                    for record in await unit.series.after(machine_id, number - 1, 1):
                        await unit.series.replace(thinned(record))


def thinned(record: Record) -> Record:
    """The record as buckets."""
    blocks = record.blocks()
    samples = [block for block in blocks if block.source is Source.SAMPLES]
    content = _buckets(samples[0]) if samples else _buckets(None)
    content["runs"] = [_run(block) for block in blocks if block.source is Source.RUN]
    return replace(record, kind=Kind.BUCKETS, data=packed(orjson.dumps(content)))


def _buckets(block: Block | None) -> dict[str, object]:
    if block is None:
        empty: list[float] = []
        names = ("at", "max", "samples", "anomalies", "severity", "missing")
        return {"threshold": None, **{name: empty for name in names}}
    starts = np.unique(np.linspace(0, len(block), min(BUCKETS, len(block)), endpoint=False).astype(np.intp))
    ratios, distances = block.values["anomaly.distance_ratio"], block.values["anomaly.distance"]
    known = np.flatnonzero(~np.isnan(ratios) & (ratios > 0))
    threshold = float(distances[known[0]] / ratios[known[0]]) if known.size else None
    counts = np.diff(np.append(starts, len(block)))
    return {
        "threshold": threshold,
        "at": block.times[starts].tolist(),
        "max": _numbers(np.fmax.reduceat(ratios, starts)),
        "samples": np.add.reduceat(block.weights, starts).tolist(),
        "anomalies": np.add.reduceat(block.anomalies, starts).tolist(),
        "severity": _numbers(np.fmax.reduceat(block.values["anomaly.severity"], starts)),
        "missing": (np.add.reduceat(block.values["quality.missing"], starts) / counts).tolist(),
    }


def _run(block: Block) -> dict[str, object]:
    def number(name: str) -> float | None:
        value = float(block.values[name][0])
        return None if np.isnan(value) else value

    return {
        "at": int(block.times[0]),
        "samples": number("run.samples"),
        "anomaly_count": number("anomaly.count"),
        "anomaly_fraction": number("anomaly.fraction"),
        "wear": number("wear.distance"),
        "wear_slope_per_day": number("wear.slope"),
        "health": HEALTH_STATES[int(block.values["health.state"][0])],
    }


def _numbers(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
