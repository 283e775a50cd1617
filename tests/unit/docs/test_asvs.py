"""The ASVS table is whole, and what it names is there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "asvs.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
REQUIREMENTS = 253
STATES = ("met", "partly", "open", "not applicable")
# Requirements of levels 1 and 2 in each section of version 5.0.0; they come before those of level 3.
SECTIONS = {
    **{"1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2},
    **{"2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1},
    **{"3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2},
    **{"4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4},
    **{"5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3},
    **{"6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4},
    **{"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2},
    **{"8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1},
    **{"9.1": 3, "9.2": 4},
    **{"10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3},
    **{"11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1},
    **{"12.1": 3, "12.2": 2, "12.3": 4},
    **{"13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5},
    **{"14.1": 2, "14.2": 4, "14.3": 3},
    **{"15.1": 3, "15.2": 3, "15.3": 7},
    **{"16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3},
    **{"17.1": 1, "17.2": 4, "17.3": 2},
}


def rows() -> list[tuple[str, str, list[str]]]:
    """Number, how, and tests of each row."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [(number, how, re.findall(r"`(tests/[^`]+)`", tests)) for number, _, how, tests in found]


def test_every_requirement_has_its_row_in_order() -> None:
    wanted = [f"{section}.{number}" for section, last in SECTIONS.items() for number in range(1, last + 1)]
    assert len(wanted) == REQUIREMENTS
    assert [number for number, _, _ in rows()] == wanted


def test_every_requirement_has_a_status_and_a_test() -> None:
    assert [number for number, how, _ in rows() if not how.startswith(STATES)] == []
    assert [number for number, how, tests in rows() if how.startswith(("met", "partly")) and not tests] == []


def test_every_test_that_is_named_exists() -> None:
    named = {test for _, _, tests in rows() for test in tests}
    assert {test for test in named if not (ROOT / test).is_file()} == set()


def test_unmet_requirements_are_collected() -> None:
    text = PAGE.read_text(encoding="utf-8")
    collected = re.findall(r"\d+\.\d+\.\d+", text.partition("in one place:")[2].split("\n\n")[0])
    assert collected == [number for number, how, _ in rows() if how.startswith(("partly", "open"))]


def test_the_figures_of_each_status_are_right() -> None:
    text = re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8").partition("## ")[0])
    found = Counter(next(state for state in STATES if how.startswith(state)) for _, how, _ in rows())
    figures = "{met} are met, {partly} partly, {open} are open, and {not applicable} do not apply"
    assert figures.format_map(found) in text
