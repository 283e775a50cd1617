"""What alerting keeps of a machine's samples: compact records, and blocks of columns read from them. Pure."""

import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from services.alerting.rules.signals import HEALTH_STATES, Severity, Source

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - EPOCH) // MICROSECOND


def moment(time: int) -> datetime:
    """The time at `time` microseconds since 1970."""
    return EPOCH + time * MICROSECOND


class Kind(StrEnum):
    """What a record holds: the payload of an event of that name, or `buckets` of older samples."""

    SCORED = "samples.scored"
    ANOMALY = "anomaly.detected"
    COMPLETED = "analysis.completed"
    FAILED = "analysis.failed"
    SOURCE_FAILED = "source.failed"
    BUCKETS = "buckets"


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A piece of a machine's history, with the times of its first and last sample.

    What a source of files says has the id of the source for that of an analysis.
    """

    organization_id: UUID
    machine_id: UUID
    analysis_id: UUID
    kind: Kind
    first_at: datetime
    last_at: datetime
    samples: int
    received_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Record(NewRecord):
    """A stored record. `number` orders those of a machine by their arrival; 0 is what was before."""

    number: int

    def blocks(self) -> list["Block"]:
        """Read the record: at most its samples, and then its run."""
        content = orjson.loads(zlib.decompress(self.data))
        received = microseconds(self.received_at)
        return READERS[self.kind](content, self.number, self.analysis_id, received)


def packed(content: bytes) -> bytes:
    """Compress the JSON text of a record."""
    return zlib.compress(content, 1)


@dataclass(frozen=True, slots=True)
class Contributions:
    """What a feature contributes to some steps of a block: parallel columns, in the order of the event."""

    steps: Sequence[int]
    shares: Sequence[float]
    deviations: Sequence[float] = ()
    expected: Sequence[float] = ()
    observed: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Successive steps from one source, in the order of their times (n,), microseconds since 1970.

    `values` are columns (n,) by signal, NaN where not known. `weights` (n,) are judged samples per step: 1 or
    0, or several of a bucket; `anomalies` (n,) are those among them. `ids` are anomalies by their step, and
    `error` is why an analysis failed. No step is later than `received`. If several analyses made the steps,
    `analyses` are the first step and the analysis of each, and `analysis_id` is the last of them.
    """

    number: int
    analysis_id: UUID | None
    source: Source
    received: int
    times: Times
    values: Mapping[str, Floats]
    weights: Floats
    anomalies: Floats
    contributions: Mapping[str, Contributions] = field(default_factory=dict)
    ids: Mapping[int, UUID] = field(default_factory=dict)
    error: str = ""
    analyses: Sequence[tuple[int, UUID | None]] = ()

    def __len__(self) -> int:
        return self.times.size

    def analysis_of(self, step: int) -> UUID | None:
        """The analysis that made the step."""
        if not self.analyses:
            return self.analysis_id
        return self.analyses[bisect_right(self.analyses, step, key=itemgetter(0)) - 1][1]

    def column(self, signal: str, feature: str | None) -> Floats:
        """The values (n,) of a signal. An anomaly whose explanation does not mention the feature has 0."""
        if feature is None:
            found = self.values.get(signal)
            return found if found is not None else np.full(len(self), np.nan)
        shares = np.where(self.anomalies > 0, 0.0, np.nan)
        if feature in self.contributions:
            known = self.contributions[feature]
            shares[list(known.steps)] = known.shares
        return shares


def _scored(content: Mapping[str, Any], number: int, analysis_id: UUID, received: int) -> list[Block]:
    times: Times = np.minimum(np.array(content["times"], dtype=np.int64), received)
    ratios = np.array(content["ratios"], dtype=np.float64)
    severities = np.full(times.size, np.nan)
    for anomaly in content["anomalies"]:
        severities[anomaly["sample"]] = Severity.parse(anomaly["severity"])
    order = np.argsort(times, kind="stable")
    places = np.argsort(order, kind="stable").tolist()
    missing = content["missing"]
    values = {
        "anomaly.distance_ratio": ratios,
        "anomaly.distance": ratios * content["threshold"],
        "anomaly.severity": severities,
        "quality.missing": np.array(missing) if missing else np.zeros(times.size),
    }
    blocks = []
    if times.size:
        blocks.append(
            Block(
                number,
                analysis_id,
                Source.SAMPLES,
                received,
                times[order],
                {name: column[order] for name, column in values.items()},
                (~np.isnan(ratios[order])).astype(np.float64),
                (~np.isnan(severities[order])).astype(np.float64),
                {
                    each["name"]: Contributions(
                        [places[sample] for sample in each["samples"]],
                        each["shares"],
                        each["deviations"],
                        each["expected"],
                        each["observed"],
                    )
                    for each in content["features"]
                },
                {places[each["sample"]]: UUID(each["anomaly_id"]) for each in content["anomalies"]},
            )
        )
    if content["run"] is not None:
        at = int(times.max()) if times.size else received
        blocks.append(_run(content["run"], number, analysis_id, received, at))
    return blocks


def _run(run: Mapping[str, Any], number: int, analysis_id: UUID, received: int, at: int) -> Block:
    values = {
        "anomaly.count": run["anomaly_count"],
        "anomaly.fraction": run["anomaly_fraction"],
        "wear.distance": run.get("wear"),
        "wear.slope": run.get("wear_slope_per_day"),
        "health.state": HEALTH_STATES.index(run["health"]),
        "analysis.failed": 0.0,
        "run.samples": run["samples"],
    }
    return _one(number, analysis_id, Source.RUN, received, at, values)


def _completed(content: Mapping[str, Any], number: int, analysis_id: UUID, received: int) -> list[Block]:
    """Of a version that publishes no samples."""
    results = content["results"]
    run = {
        "anomaly_count": content["anomaly_count"],
        "anomaly_fraction": content["anomaly_fraction"],
        "wear": results.get("wear"),
        "wear_slope_per_day": (results.get("wear_trend") or {}).get("slope_per_day"),
        "health": (content["health"] or {}).get("state", "unknown"),
        "samples": content["samples"],
    }
    at = min(microseconds(datetime.fromisoformat(content["completed_at"])), received)
    return [_run(run, number, analysis_id, received, at)]


def _failed(content: Mapping[str, Any], number: int, analysis_id: UUID, received: int) -> list[Block]:
    at = min(microseconds(datetime.fromisoformat(content["failed_at"])), received)
    block = _one(number, analysis_id, Source.FAILURE, received, at, {"analysis.failed": 1.0})
    return [replace(block, error=f"{content['analysis_type']} analysis failed: {content['error']}")]


def _source_failed(content: Mapping[str, Any], number: int, _: UUID, received: int) -> list[Block]:
    """Files that do not come are analyses that fail: one signal watches both."""
    at = min(microseconds(datetime.fromisoformat(content["failed_at"])), received)
    block = _one(number, None, Source.FAILURE, received, at, {"analysis.failed": 1.0})
    return [replace(block, error=f"source '{content['name']}' failed: {content['error']}")]


def _anomaly(content: Mapping[str, Any], number: int, analysis_id: UUID, received: int) -> list[Block]:
    """Of a version that publishes no samples."""
    at = min(microseconds(datetime.fromisoformat(content["timestamp"])), received)
    values = {
        "anomaly.distance_ratio": content["distance_ratio"],
        "anomaly.distance": content["distance"],
        "anomaly.severity": Severity.parse(content["severity"]),
        "quality.missing": 0.0,
    }
    block = _one(number, analysis_id, Source.SAMPLES, received, at, values)
    named = {
        each["name"]: Contributions(
            [0], [each["share"]], [each["deviation"]], [each["expected"]], [each["observed"]]
        )
        for each in content["features"]
    }
    more = {
        "anomalies": np.ones(1),
        "contributions": named,
        "ids": {0: UUID(content["anomaly_id"])},
    }
    return [Block(**{name: getattr(block, name) for name in Block.__slots__} | more)]


def _buckets(content: Mapping[str, Any], number: int, analysis_id: UUID, received: int) -> list[Block]:
    """Several samples are one step with their highest ratio, so that a peak stays."""
    times: Times = np.array(content["at"], dtype=np.int64)
    blocks = []
    if times.size:
        high = np.array(content["max"], dtype=np.float64)
        # What was fetched from analysis has ratios only.
        threshold = np.nan if content["threshold"] is None else content["threshold"]
        blocks.append(
            Block(
                number,
                analysis_id,
                Source.SAMPLES,
                received,
                times,
                {
                    "anomaly.distance_ratio": high,
                    "anomaly.distance": high * threshold,
                    "anomaly.severity": np.array(content["severity"], dtype=np.float64),
                    "quality.missing": np.array(content["missing"], dtype=np.float64),
                },
                np.array(content["samples"], dtype=np.float64),
                np.array(content["anomalies"], dtype=np.float64),
            )
        )
    return blocks + [_run(run, number, analysis_id, received, run["at"]) for run in content["runs"]]


def _one(
    number: int,
    analysis_id: UUID | None,
    source: Source,
    received: int,
    at: int,
    values: Mapping[str, float | None],
) -> Block:
    columns = {name: np.array([np.nan if value is None else float(value)]) for name, value in values.items()}
    times = np.array([at], dtype=np.int64)
    return Block(number, analysis_id, source, received, times, columns, np.ones(1), np.zeros(1))


READERS = {
    Kind.SCORED: _scored,
    Kind.ANOMALY: _anomaly,
    Kind.COMPLETED: _completed,
    Kind.FAILED: _failed,
    Kind.SOURCE_FAILED: _source_failed,
    Kind.BUCKETS: _buckets,
}
