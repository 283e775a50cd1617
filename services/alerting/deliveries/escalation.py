"""Which steps of a rule are due for an alert, and when the next one is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ACKNOWLEDGED, RESOLVED = "acknowledged", "resolved"


@dataclass(frozen=True, slots=True)
class Step:
    """Tells `to`, people and contact points, and `channels`, `after` the alert opened, and then repeatedly.

    A step is skipped `unless` nobody has acknowledged; it never repeats while the alert is acknowledged.
    """

    after: timedelta = timedelta()
    to: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    repeat: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`due`: the indexes of steps that are due, and whether each repeats; `next_at`: when to look again."""

    due: tuple[tuple[int, bool], ...]
    next_at: datetime | None


def plan(
    steps: Sequence[Step],
    opened_at: datetime,
    told: Mapping[int, datetime],
    *,
    acknowledged: bool,
    now: datetime,
) -> Plan:
    """`told` is when each step that was told was told last. The alert is open."""
    due: list[tuple[int, bool]] = []
    upcoming: list[datetime] = []
    for index, step in enumerate(steps):
        repeats = index in told
        if repeats and step.repeat is None:
            continue
        at = told[index] + step.repeat if repeats and step.repeat else opened_at + step.after
        if acknowledged and (repeats or ACKNOWLEDGED in step.unless):
            continue
        if at > now:
            upcoming.append(at)
            continue
        due.append((index, repeats))
        if step.repeat is not None:
            upcoming.append(now + step.repeat)
    return Plan(tuple(due), min(upcoming, default=None))
