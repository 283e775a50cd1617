"""The quality of a run as JSON: facts of sensors and files, and what is remarkable, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .sensors import SensorFacts

STUCK_TIMES, MIN_STUCK = 5, 20
"""A run of equal values is remarkable if it is so many times the baseline's longest, and so many samples."""

STUCK_SHARE = 0.5
"""Without a baseline to compare with: a run of half of the samples."""

MIN_SATURATED, MIN_SATURATED_STEPS = 0.05, 10
"""Share of samples at a limit, and steps of resolution (a switch is always at a limit)."""

COARSE_STEPS = 20
MIN_MONOTONIC = 10
FEW_EFFECTIVE = 10


def sensor_report(
    names: Sequence[str],
    facts: Sequence[SensorFacts],
    *,
    words: Mapping[str, Mapping[str, int]],
    baseline: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return the entry of each sensor.

    `words` counts the texts that stood for missing values, `baseline` holds the baseline's entries, and
    `roles` the role of each sensor and why; all by sensor.
    """
    return [
        _entry(name, each, words.get(name, {}), baseline.get(name), roles.get(name, {}))
        for name, each in zip(names, facts, strict=True)
    ]


def _entry(
    name: str,
    facts: SensorFacts,
    words: Mapping[str, int],
    before: Mapping[str, Any] | None,
    role: Mapping[str, Any],
) -> dict[str, Any]:
    monotonic = None
    if facts.rising + facts.falling >= MIN_MONOTONIC and min(facts.rising, facts.falling) == 0:
        monotonic = "rising" if facts.rising else "falling"
    entry: dict[str, Any] = {
        "name": name,
        "role": role.get("role", "judged"),
        "why": role.get("why"),
        "present": facts.present,
        "missing": facts.missing,
        "status_words": dict(words),
        "low": facts.low,
        "high": facts.high,
        "mean": facts.mean,
        "deviation": facts.deviation,
        "constant": facts.constant,
        "longest_run": facts.longest_run,
        "final_run": facts.final_run,
        "resolution": facts.resolution,
        "steps": facts.steps,
        "at_low": round(facts.at_low, 4),
        "at_high": round(facts.at_high, 4),
        "jumps": facts.jumps,
        "monotonic": monotonic,
        "effective_samples": None if facts.effective_samples is None else round(facts.effective_samples, 1),
    }
    return entry | {"remarks": list(_remarks(entry, before))}


def _remarks(entry: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield what is remarkable, with a stable code, parameters and a sentence."""
    name, present, total = entry["name"], entry["present"], entry["present"] + entry["missing"]

    def say(code: str, text: str, **params: Any) -> dict[str, Any]:
        return {"code": code, "params": {"sensor": name, **params}, "text": f"'{name}' {text}."}

    if not present:
        yield say("sensor_dead", "has no value at all")
        return
    if entry["missing"]:
        share = round(entry["missing"] / total, 4)
        yield say("sensor_missing", f"is missing in {entry['missing']} of {total} samples", share=share)
    if entry["constant"] and present > 1:
        moved = before is not None and not before["constant"]
        said = f"is {entry['low']:g} in all samples" + (", but varied in the baseline" if moved else "")
        yield say("sensor_constant", said, value=entry["low"], varied_before=moved)
    elif _stuck(entry, before):
        usual = None if before is None else before["longest_run"]
        said = f"keeps one value for {entry['longest_run']} samples"
        said += "" if usual is None else f"; in the baseline, for {usual} at most"
        yield say("sensor_stuck", said, run=entry["longest_run"], baseline_run=usual)
    if not entry["constant"] and entry["steps"] is not None:
        yield from _limits(entry, before, say)
    if entry["monotonic"]:
        said = f"only {'rises' if entry['monotonic'] == 'rising' else 'falls'}, as a counter does"
        yield say("sensor_monotonic", said, direction=entry["monotonic"])
    worth = entry["effective_samples"]
    if worth is not None and worth < FEW_EFFECTIVE < present:
        said = f"changes so slowly that its {present} samples carry only as much information as"
        said += f" {worth:g} independent ones"
        yield say("sensor_few_effective_samples", said, effective_samples=worth)


def _limits(entry: Mapping[str, Any], before: Mapping[str, Any] | None, say: Any) -> Iterator[dict[str, Any]]:
    if entry["steps"] < COARSE_STEPS:
        said = f"has only {entry['steps'] + 1} steps of {entry['resolution']:g}"
        yield say("sensor_coarse", said, steps=entry["steps"] + 1, resolution=entry["resolution"])
    if before is not None and before["resolution"] and entry["resolution"] >= 5 * before["resolution"]:
        said = f"has steps of {entry['resolution']:g} here, but of {before['resolution']:g} in the baseline"
        yield say("sensor_coarser", said, resolution=entry["resolution"], baseline=before["resolution"])
    if entry["steps"] >= MIN_SATURATED_STEPS:
        for side, limit in (("at_low", "low"), ("at_high", "high")):
            if entry[side] >= MIN_SATURATED:
                said = f"is at its limit {entry[limit]:g} in {entry[side]:.0%} of the samples"
                yield say("sensor_saturated", said, limit=entry[limit], share=entry[side])
    if entry["jumps"]:
        yield say("sensor_jumps", f"jumped {entry['jumps']} times", count=entry["jumps"])


def _stuck(entry: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    run: int = entry["longest_run"]
    if run < MIN_STUCK:
        return False
    if before is None:
        return bool(run >= STUCK_SHARE * entry["present"])
    return bool(run >= STUCK_TIMES * max(1, before["longest_run"]))
