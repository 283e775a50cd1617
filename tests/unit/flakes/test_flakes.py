"""Repeated runs of a small suite: what failed once is named with the runs in which it did."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flakes.busy import busy_core
from tests.flakes.outcomes import report
from tests.servers import ROOT

SUITE = """
from pathlib import Path

RAN = Path(__file__).with_name("ran")


class TestSome:
    def test_fails_in_the_second_run(self):
        first = not RAN.exists()
        RAN.touch()
        assert first


def test_never_fails():
    pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    return tmp_path


def flakes(*arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "tests.flakes", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout.splitlines()


def test_a_test_that_failed_once_is_named_with_its_seed(suite: Path) -> None:
    status, said = flakes("--runs", "2", "--seed", "7", str(suite))
    assert status == 1
    at_once = said.index("failed: test_suite.py::TestSome::test_fails_in_the_second_run (call)")
    assert "assert first" in "".join(said[at_once : at_once + 9])
    assert said[-3:] == [
        "1 failed at least once in 2 run(s):",
        "  1 of 2  test_suite.py::TestSome::test_fails_in_the_second_run  (seed 8)",
        "Repeat a run: .venv/bin/python -m tests.flakes --runs 1 --seed <seed>",
    ]


def test_runs_in_which_nothing_failed() -> None:
    assert list(report({}, runs=3)) == ["Nothing failed in 3 run(s)."]


def test_a_run_without_any_test_is_a_failure(suite: Path) -> None:
    (suite / "test_suite.py").write_text("import nothing_of_that_name")
    status, said = flakes("--runs", "1", "--seed", "7", str(suite))
    assert status == 1
    assert any("the run itself (status 2)" in line for line in said)


def test_the_busy_process_ends_with_the_work() -> None:
    with busy_core() as busy:
        assert busy.poll() is None
    assert busy.returncode == 0
