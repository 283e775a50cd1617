"""Compares what both services found with the labels, by the same samples and the same criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from scipy.stats import binom

from dinsight.imports.dataset import KnownEvent, Span

MAX_CHANCE = 0.001
"""An event counts as found if its anomalies would come by chance less often than this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one service found of an event: anomalous samples of all, the first one, and whether that is more
    than chance at its own rate outside of events."""

    anomalies: int
    samples: int
    first: datetime | None
    found: bool

    @property
    def share(self) -> float:
        return self.anomalies / self.samples if self.samples else 0.0


@dataclass(frozen=True, slots=True)
class Side:
    """One service: its findings, event by event, and its anomalies among samples outside of all events."""

    events: Sequence[Finding]
    outside_anomalies: int
    outside_samples: int

    @property
    def found(self) -> int:
        return sum(event.found for event in self.events)

    @property
    def outside_share(self) -> float:
        return self.outside_anomalies / self.outside_samples if self.outside_samples else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides over the events of which there are samples; `theirs` is None without their results."""

    events: Sequence[KnownEvent]
    ours: Side
    theirs: Side | None

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "events": [
                {
                    "start": event.span.start.isoformat(),
                    "end": event.span.end.isoformat(),
                    "code": event.code,
                    "dinsight": _finding(self.ours.events[place]),
                    "other": None if self.theirs is None else _finding(self.theirs.events[place]),
                }
                for place, event in enumerate(self.events)
            ],
            "outside": {
                "samples": self.ours.outside_samples,
                "dinsight": self.ours.outside_anomalies,
                "other": None if self.theirs is None else self.theirs.outside_anomalies,
            },
        }


def compare(
    samples: Sequence[tuple[datetime, bool]], events: Sequence[KnownEvent], found: Sequence[Span] | None
) -> Comparison:
    """Compare our verdict on each sample, and their anomalous spans if there are any, with the events."""
    met = [event for event in events if any(event.span.holds(moment) for moment, _ in samples)]
    theirs = None
    if found is not None:
        flags = [(moment, any(span.holds(moment) for span in found)) for moment, _ in samples]
        theirs = _side(flags, met)
    return Comparison(met, _side(samples, met), theirs)


def _side(samples: Sequence[tuple[datetime, bool]], events: Sequence[KnownEvent]) -> Side:
    outside = [flag for moment, flag in samples if not any(event.span.holds(moment) for event in events)]
    # At least one in twice as many, so that a service that was silent elsewhere needs more than one.
    usual = (sum(outside) + 0.5) / (len(outside) + 1)
    findings = []
    for event in events:
        inside = sorted((moment, flag) for moment, flag in samples if event.span.holds(moment))
        count = sum(flag for _, flag in inside)
        chance = float(binom.sf(count - 1, len(inside), usual)) if count else 1.0
        first = next((moment for moment, flag in inside if flag), None)
        findings.append(Finding(count, len(inside), first, chance < MAX_CHANCE))
    return Side(findings, sum(outside), len(outside))


def _finding(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {"first": None if finding.first is None else finding.first.isoformat()}
