"""Two services beside each other on the labels."""

from datetime import datetime

from dinsight.imports.dataset import KnownEvent, Span
from dinsight.imports.report import compare
from dinsight.imports.results import flagged
from tests.unit.imports.exports import STEP, at

EVENT = KnownEvent(Span(at(500), at(520)), "bearing")


def samples(anomalous: set[int], rows: int = 1000) -> list[tuple[datetime, bool]]:
    return [(at(row), row in anomalous) for row in range(rows)]


def test_both_sides_are_judged_by_the_same_criterion() -> None:
    compared = compare(samples({3, *range(505, 515)}), [EVENT], [Span(at(518), at(530))])
    ours, theirs = compared.ours, compared.theirs
    assert theirs is not None
    assert (ours.events[0].anomalies, ours.events[0].first, ours.events[0].found) == (10, at(505), True)
    assert (ours.outside_anomalies, ours.outside_samples) == (1, 980)
    assert (theirs.events[0].anomalies, theirs.outside_anomalies) == (2, 10)
    told = compared.as_json()
    assert told["events"][0]["dinsight"]["anomalies"] == 10
    assert told["outside"] == {"samples": 980, "dinsight": 1, "other": 10}


def test_an_event_with_no_more_anomalies_than_elsewhere_is_not_found() -> None:
    noisy = compare(samples(set(range(0, 1000, 5))), [EVENT], None)
    assert noisy.ours.events[0].anomalies == 4
    assert not noisy.ours.events[0].found
    assert noisy.theirs is None


def test_an_event_without_samples_is_not_counted() -> None:
    assert compare(samples(set(), rows=100), [EVENT], None).events == []


def test_successive_anomalous_samples_are_one_span() -> None:
    flags = [(at(row), row in (2, 3, 4, 8)) for row in range(10)]
    assert flagged(flags) == [Span(at(2), at(4) + STEP), Span(at(8), at(9))]
    assert flagged([]) == []
