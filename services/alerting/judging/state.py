"""What is remembered of a rule between two judgements, and what a judgement says. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias
from uuid import UUID

import orjson

from services.alerting.alerts.domain import Finding
from services.alerting.rules.signals import Severity

Quiet: TypeAlias = Literal["late", "muted"]


class Phase(StrEnum):
    """Where the alert of a rule stands; `idle` without one."""

    IDLE = "idle"
    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"

    @property
    def is_open(self) -> bool:
        return self in (Phase.ACTIVE, Phase.RECOVERING)


@dataclass(slots=True)
class Lane:
    """A sequence of steps in the order of their times. All times are microseconds since 1970.

    `at` is its newest step, which arrived at `received`. `codes` says of each leaf whether it was satisfied
    then: 1, 0, or -1 if that is not known; `latched` whether its hysteresis holds it. `recent` are the
    newest steps as a text of 0 and 1. `since` is when the condition became satisfied without interruption
    since, `last` when it was last satisfied, `levels` when each severity was last reached. `held` is the
    finding of a pending alert.
    """

    at: int | None = None
    received: int | None = None
    codes: list[int] = field(default_factory=list)
    latched: list[bool] = field(default_factory=list)
    recent: str = ""
    since: int | None = None
    last: int | None = None
    levels: dict[str, int] = field(default_factory=dict)
    phase: Phase = Phase.IDLE
    held: dict[str, Any] | None = None

    def copied(self) -> "Lane":
        return replace(self, codes=list(self.codes), latched=list(self.latched), levels=dict(self.levels))


@dataclass(slots=True)
class State:
    """The memory of one version of a rule.

    `judges` stands for how the rule judges, and `number` is the last record that was judged. Samples that are
    late, or older than those judged before, run in a lane of their own, which begins anew with each analysis.
    `newest` is the time of the machine's newest sample, and `received` when samples came last. `no_data` is
    `raised` if the lack of data opened the alert. `muted` is set while people wait to be told; `paused` is
    when the machine was last not judged.
    """

    version: int
    judges: str
    number: int = 0
    live: Lane = field(default_factory=Lane)
    late: Lane = field(default_factory=Lane)
    late_analysis: str = ""
    newest: int | None = None
    received: int | None = None
    no_data: Literal["", "noted", "raised"] = ""
    muted: bool = False
    paused: int | None = None

    def copied(self) -> "State":
        """A copy that may be changed."""
        return replace(self, live=self.live.copied(), late=self.late.copied())

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "State":
        lanes = {
            name: Lane(**stored[name] | {"phase": Phase(stored[name]["phase"])}) for name in ("live", "late")
        }
        return cls(**{**stored, **lanes})


class TransitionKind(StrEnum):
    """`pending`: the condition is satisfied, but not for long enough; `withdrawn`: it no longer is.

    `found` continues an open alert; `unmuted` tells people of one that was opened in a muted time.
    """

    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    RAISED = "raised"
    FOUND = "found"
    RECOVERING = "recovering"
    CLEARED = "cleared"
    UNMUTED = "unmuted"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that a judgement asks for; `at` is on the samples' clock.

    `finding` is the worst of `count` steps from `first_at` to `last_at`, and `severity` the highest of them;
    `settled` is what the severity falls to, if it falls. `quiet` says why nobody is to be told now.
    """

    kind: TransitionKind
    at: datetime
    severity: Severity | None = None
    settled: Severity | None = None
    finding: Finding | None = None
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    quiet: Quiet | None = None
    reason: str | None = None


def stored_finding(finding: Finding) -> dict[str, Any]:
    """The finding as JSON."""
    stored: dict[str, Any] = orjson.loads(orjson.dumps(finding, default=str))
    return stored


def loaded_finding(stored: Mapping[str, Any]) -> Finding:
    ids = {name: UUID(stored[name]) if stored[name] else None for name in ("anomaly_id", "analysis_id")}
    return Finding(
        **{
            **stored,
            **ids,
            "machine_id": UUID(stored["machine_id"]),
            "observed_at": datetime.fromisoformat(stored["observed_at"]),
            "features": tuple(stored["features"]),
        }
    )
