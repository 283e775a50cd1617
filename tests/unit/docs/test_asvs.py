"""The ASVS table is whole, and what it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "asvs.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
STATES = ("met", "partly", "open", "not applicable")
# Level 2 of version 4.0.3: the last number of each section, and what was deleted or belongs to level 3.
SECTIONS = {
    **{"2.1": 12, "2.2": 3, "2.3": 3, "2.4": 5, "2.5": 7, "2.6": 3, "2.7": 6, "2.8": 7, "2.9": 3, "2.10": 4},
    **{"3.1": 1, "3.2": 4, "3.3": 4, "3.4": 5, "3.5": 3, "3.7": 1},
    **{"4.1": 5, "4.2": 2, "4.3": 3},
    **{"13.1": 5, "13.2": 6, "13.3": 2, "13.4": 2},
}
DELETED = {"4.1.4", "13.1.2", "13.2.4"}


def rows() -> list[tuple[str, str, list[str]]]:
    """Number, how, and tests of each row."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [(number, how, re.findall(r"`(tests/[^`]+)`", tests)) for number, _, how, tests in found]


def test_every_requirement_has_its_row_in_order() -> None:
    wanted = [f"{section}.{n}" for section, last in SECTIONS.items() for n in range(1, last + 1)]
    assert [number for number, _, _ in rows()] == [number for number in wanted if number not in DELETED]


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
