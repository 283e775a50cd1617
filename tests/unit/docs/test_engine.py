"""The engine's page names every parameter with its default."""

import re
from dataclasses import fields

from services.analysis.engine import EngineConfig
from tests.unit.deploy.programs import ROOT

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<default>[^|]+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def test_every_parameter_has_its_default_and_its_effect() -> None:
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    parameters = page[page.index("## Parameters") :]
    listed = {row["name"]: row["default"].strip() for row in ROW.finditer(parameters)}
    assert listed == {field.name: str(field.default) for field in fields(EngineConfig)}
