"""Labels of times, of which samples get the one that started last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from services.analysis.engine.times.formats import NOT_A_TIME
from services.analysis.engine.times.labels import COLUMN, Label, Labels

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = 60 * 10**6


def at(minutes: int) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def marked(labels: list[Label], minutes: list[int | None]) -> tuple[list[Any], int]:
    first = int(START.timestamp()) * 10**6
    moments = np.array([NOT_A_TIME if each is None else first + each * MINUTE for each in minutes])
    entries: list[dict[str, Any]] = [{} for _ in minutes]
    made = Labels(labels)
    made.mark(entries, moments)
    return [each.get(COLUMN) for each in entries], made.count


def test_the_label_that_started_last_is_on_top() -> None:
    labels = [Label(at(5), at(6), "inner"), Label(at(0), at(10), "outer")]
    assert marked(labels, [0, 5, 6, 10, None]) == (["outer", "inner", "outer", None, None], 3)
    assert marked([], [0]) == ([None], 0)


def test_as_many_labels_as_a_file_may_have_over_all_samples() -> None:
    labels = [Label(at(-number), at(1000), f"code {number}") for number in range(10_000)]
    found, count = marked(labels, list(range(500)))
    assert (set(found), count) == ({"code 0"}, 500)
