"""Says what is missing in a baseline, and what that means for its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cleaning import MAX_ABSENT_SHARE, Gaps
from ..rows import Rows
from .readiness import Finding

MIN_NAMED_SHARE = 0.05
"""Features that lack less of the baseline than this are not worth a word."""

MAX_NAMED = 10
"""Features that a sentence names."""


def missing_advice(gaps: Gaps, names: Sequence[str], skipped: Rows, max_missing: float) -> list[Finding]:
    """Return what an engineer should know of the gaps in a baseline of features `names` (d,)."""
    advice = []
    absent = np.flatnonzero(gaps.absent)
    if absent.size:
        text = (
            f"{_named(absent, gaps, names)} {_is(absent.size)} missing in more than {MAX_ABSENT_SHARE:.0%} of"
            f" the baseline and {'was' if absent.size == 1 else 'were'} left out: faults that only"
            f" {'it shows' if absent.size == 1 else 'they show'} will not be found. Record normal operation"
            f" with {'this sensor' if absent.size == 1 else 'these sensors'}."
        )
        params = {"features": _shares(absent, gaps, names), "limit": MAX_ABSENT_SHARE}
        advice.append(Finding("features_left_out", text, params))
    patchy = np.flatnonzero((gaps.lacking >= MIN_NAMED_SHARE) & ~gaps.absent)
    if patchy.size:
        text = (
            f"{_named(patchy, gaps, names)} {_is(patchy.size)} missing in part of the baseline. The values"
            " that are there were used."
        )
        advice.append(Finding("features_patchy", text, {"features": _shares(patchy, gaps, names)}))
    if skipped.size:
        many = skipped.size > 1
        text = (
            f"{skipped.size} sample{'s' if many else ''} of this baseline lack{'' if many else 's'} more than"
            f" {max_missing:.0%} of the sensors and {'were' if many else 'was'} not learnt from."
        )
        advice.append(Finding("samples_skipped", text, {"samples": int(skipped.size), "limit": max_missing}))
    return advice


def _named(features: Rows, gaps: Gaps, names: Sequence[str]) -> str:
    listed = ", ".join(f"{names[j]} ({gaps.lacking[j]:.0%})" for j in features[:MAX_NAMED].tolist())
    return listed + (f" and {features.size - MAX_NAMED} more" if features.size > MAX_NAMED else "")


def _shares(features: Rows, gaps: Gaps, names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": names[j], "share": float(gaps.lacking[j])} for j in features[:MAX_NAMED].tolist()]


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
