"""Decides which features of a baseline are judged, which are context, and which are ignored, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cleaning import MAX_ABSENT_SHARE
from ..config import CONTEXT, IGNORED, JUDGED, EngineConfig
from ..detectors import FeatureMahalanobis
from ..errors import ConfigError
from ..quality.report import sensor_report
from ..quality.sensors import SensorCounts, SensorFacts
from ..rows import Table, row_chunks
from ..scaling import is_spectrum
from .readiness import Finding

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_EFFECTIVE = 6.0
"""With fewer independent samples, a feature has passed through its range less than twice: a ramp and a single
swing carry three, two swings six. Where it goes next, the baseline cannot tell."""

MAX_CONTEXT_SHARE = 0.25
"""If more features than this share wander, the baseline is too short, and no choice of features mends it."""

MAX_DETERMINED = 0.995
"""A feature is redundant if the others leave less than half a percent of its variance unexplained."""

MAX_LISTED = 256
"""The bins of a spectrum are listed only if there is something to say about them."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a feature is used for, `judged`, `context` or `ignored`, and why if it is not simply judged."""

    role: str
    why: Finding | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the role as JSON-serialisable values."""
        return {"role": self.role, "why": self.why.as_dict() if self.why is not None else None}


def sensor_facts(table: Table) -> list[SensorFacts]:
    """Return what the values of each feature of a table (n, d) are like."""
    counts = SensorCounts(table.shape[1])
    for rows in row_chunks(*table.shape):
        counts.add(table[rows])
    return counts.facts()


def assign_roles(names: Sequence[str], facts: Sequence[SensorFacts], config: EngineConfig) -> list[Role]:
    """Return the role of each feature: the configured one, or what the rules say.

    Raises ConfigError if no feature is left to be judged. Names that are no features are of other machines.
    """
    roles = [_by_rule(name, each, config) for name, each in zip(names, facts, strict=True)]
    varying = {name: each.deviation for name, each in zip(names, facts, strict=True) if each.deviation}
    wandering = sum(role.role == CONTEXT for role in roles)
    # The bins of a spectrum are one measurement: none of them is the context of the others.
    spectrum = is_spectrum(list(varying), np.array(list(varying.values())))
    if wandering > MAX_CONTEXT_SHARE * len(varying) or spectrum:
        roles = [Role(JUDGED) if role.role == CONTEXT else role for role in roles]
    for place, name in enumerate(names):
        if name in config.roles:
            chosen = config.roles[name]
            text = f"'{name}' is {chosen} because the configuration says so."
            roles[place] = Role(chosen, Finding("role_configured", text, {"sensor": name, "role": chosen}))
    if all(role.role != JUDGED for role in roles):
        raise ConfigError("roles leaves no feature to be judged. Let at least one be 'judged'", field="roles")
    return roles


def _by_rule(name: str, facts: SensorFacts, config: EngineConfig) -> Role:
    total, worth = facts.present + facts.missing, facts.effective_samples
    if facts.missing > MAX_ABSENT_SHARE * total:
        share = facts.missing / total
        text = (
            f"'{name}' is ignored because it is missing in {share:.0%} of the samples. Repair its recording,"
            " or leave it out."
        )
        return Role(IGNORED, Finding("role_missing", text, {"sensor": name, "share": share}))
    if facts.constant or worth is None or worth >= MIN_EFFECTIVE or facts.present < MIN_EFFECTIVE**2:
        return Role(JUDGED)
    params = {"sensor": name, "effective_samples": round(worth, 1)}
    if min(facts.rising, facts.falling) == 0:
        way = "rises" if facts.rising else "falls"
        text = (
            f"'{name}' is ignored because it only {way}, as a counter or a clock does: its later values are"
            " beyond all that the baseline has seen. If it is neither, set its role to 'judged'."
        )
        return Role(IGNORED, Finding("role_counter", text, params))
    text = (
        f"'{name}' passes through its range less than twice in the baseline, so its own values cannot be"
        " judged. It is context: the other features are judged given its value. Record normal operation for"
        " longer, or set its role to 'judged'."
    )
    return Role(CONTEXT, Finding("role_wanders", text, params))


def describe(
    names: Sequence[str], facts: Sequence[SensorFacts], roles: Sequence[Role], space: FeatureMahalanobis
) -> list[dict[str, Any]]:
    """Return the `sensors` of a baseline's results: facts, roles, and what is remarkable.

    Of more than MAX_LISTED features, only those with a role other than `judged` or with a remark.
    """
    said = {name: role.as_dict() for name, role in zip(names, roles, strict=True)}
    entries = sensor_report(names, facts, words={}, baseline={}, roles=said)
    for entry, remark in zip(entries, redundancy(names, space), strict=True):
        entry["remarks"] += [remark.as_dict()] if remark is not None and not entry["constant"] else []
    if len(entries) <= MAX_LISTED:
        return entries
    return [entry for entry in entries if entry["remarks"] or entry["role"] != JUDGED]


def redundancy(names: Sequence[str], space: FeatureMahalanobis) -> list[Finding | None]:
    """Tell of each feature whether the others determine it, and by which one it is best known."""
    variance = space.variances()
    left = 1.0 / (variance * space.precision_diagonal)
    found: list[Finding | None] = [None] * len(names)
    for place in np.flatnonzero(left < 1.0 - MAX_DETERMINED).tolist():
        shared = np.abs(space.covariances(place)) / np.sqrt(variance)
        shared[place] = 0.0
        partner = names[int(shared.argmax())]
        text = (
            f"'{names[place]}' carries the same information as other sensors, above all '{partner}': it"
            " repeats them, or is computed from them."
        )
        params = {"sensor": names[place], "partner": partner, "unexplained": float(left[place])}
        found[place] = Finding("sensor_redundant", text, params)
    return found


def with_role(roles: Sequence[Role], role: str) -> Flags:
    """Tell which features (d,) have a role."""
    return np.array([each.role == role for each in roles], dtype=bool)
