"""`off_when`: conditions over columns, with unknown values, and errors that say where."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.engine.conditions import Column, Condition
from services.analysis.engine.errors import ConfigError, TableError

TABLE: dict[str, Column] = {
    "speed": np.array([50.0, 150.0, np.nan, 99.0]),
    "load": np.array([1.0, 2.0, 3.0, 100.0]),
    "Wind Speed (m/s)": np.array([1.0, 2.0, 3.0, 4.0]),
    "mode": np.array(["OFF", "run", None, "it's"], dtype=object),
    "count": np.array([1, 2, None, 4], dtype=object),
}
UNKNOWN = None


def verdicts(text: str) -> list[bool | None]:
    condition = Condition.parse(text)
    places = condition.bind(list(TABLE), file="x.csv")
    true, unknown = condition.holds(lambda name: TABLE[places[name]], 4)
    return [UNKNOWN if hidden else bool(each) for each, hidden in zip(true, unknown, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speed < 100", [True, False, None, True]),
        ("not speed < 100", [False, True, None, False]),
        ("100 > speed", [True, False, None, True]),
        ("speed<100 AND mode='OFF'", [True, False, None, False]),
        ("speed < 100 or load >= 3", [True, False, True, True]),
        ("speed < load", [False, False, None, True]),
        ("[Wind Speed (m/s)] >= 3", [False, False, True, True]),
        ('"Wind Speed (m/s)" == 2', [False, True, False, False]),
        ("Speed is missing", [False, False, True, False]),
        ("speed is not missing and load != 1", [False, True, False, True]),
        ("mode = 'it''s'", [False, False, None, True]),
        ("mode <> 'run'", [True, False, None, True]),
        ("count > 1.5e0", [False, True, None, True]),
        ("not (load = 1 or load = 2) and load < 50", [False, False, True, False]),
        ("load = 1 or load = 2 and load = 3", [True, False, False, False]),
    ],
)
def test_a_condition_is_true_false_or_unknown(text: str, expected: list[bool | None]) -> None:
    assert verdicts(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("speed <", "at its end"),
        ("speed < 100 100", "at '100' \\(character 13\\)"),
        ("Wind Speed < 3", "double quotes"),
        ("1 < 2", "must be a column"),
        ("mode < 'a'", "only compare text"),
        ("(speed < 3", "expected '\\)'"),
        ("__import__('os')", "expected a comparison"),
        ("speed ! 3", "character 7"),
        ("(" * 60 + "speed < 1" + ")" * 60, "nested"),
        ("not " * 400 + "speed < 1", "nested"),
        ("speed < 1 or " * 400 + "speed < 1", "characters"),
        ("speed is 3", "'missing'"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        Condition.parse(text)
    assert refused.value.field == "off_when"


def test_an_unknown_column_is_named_and_a_similar_one_offered() -> None:
    with pytest.raises(TableError, match='Did you mean "speed"') as refused:
        Condition.parse("spead < 3").bind(list(TABLE), file="x.csv")
    assert refused.value.column == "spead"


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ConfigError):
        assert Condition.parse(text).names
