"""What the table of complaints about alarms names as its proof is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "alerting.md"
ROW = re.compile(r"^\| (?!complaint|---)([^|]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[^`:]+)::(\w+)`")


def rows() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Complaint, answer, and the files and names of its tests."""
    return [
        (complaint, answer, NAMED.findall(tests))
        for complaint, answer, tests in ROW.findall(PAGE.read_text(encoding="utf-8"))
    ]


def defined_in(path: str) -> set[str]:
    if not (ROOT / path).is_file():
        return set()
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_every_complaint_has_an_answer_and_a_test() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows()) == len(lines) - 2, "a row does not have the form of the others"
    assert [complaint for complaint, answer, tests in rows() if not answer.strip() or not tests] == []


def test_every_test_that_is_named_exists() -> None:
    named = {test for _, _, tests in rows() for test in tests}
    known = {path: defined_in(path) for path, _ in named}
    assert {f"{path}::{name}" for path, name in named if name not in known[path]} == set()
