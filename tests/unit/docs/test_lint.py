"""The check of the documents by outside rules: without Node, and what its lock file holds."""

import json
from pathlib import Path

import pytest

from docs.lint import __main__ as lint


def test_without_node_the_linter_reports_that_nothing_was_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lint.main([]) == 0
    assert "Node is not installed" in capsys.readouterr().out


def test_every_package_is_locked_by_its_digest_and_by_no_registry() -> None:
    packages = json.loads((lint.HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert len(installed) > 100
    assert [name for name, package in installed.items() if not package.get("integrity")] == []
    assert [name for name, package in installed.items() if "resolved" in package] == []


def test_versions_are_exact() -> None:
    wanted = json.loads((lint.HERE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values())


def test_swagger_ui_is_there_with_its_licence() -> None:
    assert {"swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"} <= {
        path.name for path in lint.SWAGGER_UI.iterdir()
    }
