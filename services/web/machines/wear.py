"""Wear over its axis, as it is drawn."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.web.layout.marked import N_

# Points in a figure; the trend is that of all of them.
MAX_POINTS = 1_000


def trend_figure(wear: Mapping[str, Any], by: str | None, say: Callable[[str], str]) -> Mapping[str, Any]:
    """The series, the line through it with its interval, and the levels it approaches.

    The axis of the trend has the labels themselves if they are numbers, else 0, 1, 2 ... in their order.
    """
    labels: Sequence[Any] = wear["labels"]
    numeric = all(isinstance(label, int | float) for label in labels)
    positions = [float(label) for label in labels] if numeric else [float(i) for i in range(len(labels))]
    step = max(1, math.ceil(len(positions) / MAX_POINTS))
    x, trend = positions[::step], wear["trend"]
    return {
        "x": x,
        "y": wear["wear"][::step],
        "time": False,
        "fit": [trend["intercept"], trend["slope"], sum(positions) / len(positions)] if positions else None,
        "slopes": [trend["slope_low"], trend["slope_high"]],
        "limits": [
            {"at": wear["deteriorating_wear"], "text": say(N_("Deteriorating"))},
            {"at": wear["failing_wear"], "text": say(N_("Failing"))},
        ],
        "words": {"x": by or say(N_("sample")), "y": say(N_("wear in standard deviations"))},
    }
