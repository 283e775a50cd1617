"""The checks of what comes in and what goes out notice what they are for."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import supply_chain

# Split so that this file is no finding itself.
PRIVATE_KEY = "-----BEGIN " + "RSA PRIVATE KEY-----"
HOLE = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}


def planted(folder: Path, name: str, text: str) -> list[supply_chain.Finding]:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return supply_chain.findings(supply_chain.scan([name], root=folder))


@pytest.mark.parametrize("name", ["key.py", "tests/key.py"])
def test_a_key_in_the_tree_is_found_everywhere(tmp_path: Path, name: str) -> None:
    found = planted(tmp_path, name, f"KEY = '{PRIVATE_KEY}'\n")
    assert [finding.kind for finding in found] == ["Private Key"]
    assert supply_chain.unknown(found, {"results": {}}) == found


@pytest.mark.parametrize(("name", "count"), [("settings.py", 1), ("tests/settings.py", 0)])
def test_passwords_are_reported_outside_of_tests_only(tmp_path: Path, name: str, count: int) -> None:
    assert len(planted(tmp_path, name, "PASSWORD = 'pgA93-hunter-two'\n")) == count


def test_a_known_password_may_move_within_its_file(tmp_path: Path) -> None:
    planted(tmp_path, "settings.py", "PASSWORD = 'pgA93-hunter-two'\n")
    known = supply_chain.document(supply_chain.scan(["settings.py"], root=tmp_path))
    assert "generated_at" not in known
    moved = planted(tmp_path, "settings.py", "\n\nPASSWORD = 'pgA93-hunter-two'\n")
    assert supply_chain.unknown(moved, known) == []
    other = planted(tmp_path, "settings.py", "PASSWORD = 'pgA93-hunter-three'\n")
    assert len(supply_chain.unknown(other, known)) == 1


def said(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_vulnerability_is_reported() -> None:
    output = said(
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "1.0", "vulns": [HOLE]},
        {"name": "own", "skip_reason": "Dependency not found on PyPI"},
    )
    outcome = supply_chain.read_audit(output)
    assert (outcome.audited, outcome.skipped) == (2, 1)
    assert outcome.holes == ["bad 1.0: PYSEC-2026-1, mended in ['2.0']"]


def test_an_accepted_vulnerability_is_not_reported_and_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(supply_chain.ACCEPTED_HOLES.values())
    monkeypatch.setitem(supply_chain.ACCEPTED_HOLES, "CVE-2026-1", "only on Windows")
    assert supply_chain.read_audit(said({"name": "bad", "version": "1.0", "vulns": [HOLE]})).holes == []


def test_an_unreachable_advisory_source_is_not_a_failure(tmp_path: Path) -> None:
    """The program is ended before it could ask anybody."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(supply_chain.first_pin(supply_chain.LOCK.read_text(encoding="utf-8")))
    assert "--hash=sha256:" in requirements.read_text()
    assert supply_chain.audit(requirements, 0.001) is None
