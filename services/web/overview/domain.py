"""What the overview shows of a machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Bars of the spark line: a day each, its height the share of samples that are anomalies.
SPARK_DAYS = 21
SPARK_WIDTH, SPARK_HEIGHT = 84, 20
# Shares from which a bar is coloured: some anomalies, and more than a tenth of all samples.
SOME, MANY = 0.01, 0.1
# A single anomaly on a day must be visible.
MIN_BAR = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    height: float
    kind: str
    day: str
    share: float


@dataclass(frozen=True, slots=True)
class Row:
    """A machine of `GET /fleet`."""

    machine: Mapping[str, Any]

    @property
    def spark(self) -> Sequence[Bar]:
        days = list(self.machine["spark"])[-SPARK_DAYS:]
        step = SPARK_WIDTH / SPARK_DAYS
        first = SPARK_DAYS - len(days)
        return [
            _bar((first + number) * step, day["day"], float(day["anomaly_share"]))
            for number, day in enumerate(days)
        ]


def _bar(x: float, day: str, share: float) -> Bar:
    # The square root keeps one per cent visible beside fifty.
    height = max(MIN_BAR, share**0.5 * SPARK_HEIGHT) if share > 0 else MIN_BAR / 2
    kind = "many" if share >= MANY else "some" if share >= SOME else "few"
    return Bar(round(x, 1), round(height, 1), kind, day, share)
