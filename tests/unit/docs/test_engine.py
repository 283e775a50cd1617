"""The engine's page names every parameter with its default, and has the sections that the engine cites."""

import re
from dataclasses import fields

from services.analysis.engine import EngineConfig
from tests.unit.deploy.programs import ROOT

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<default>[^|]+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)

# A file in the tree, then a section's heading, then a numbered step of that section.
CITATION = re.compile(r'docs/engine\.md, "(?P<heading>[^"]+)"(?:, step (?P<step>\d))?')
OTHER_PAGE = re.compile(r"\b(?!engine\.md)[\w-]+\.md\b")


def test_every_parameter_has_its_default_and_its_effect() -> None:
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    parameters = page[page.index("## Parameters") :]
    listed = {row["name"]: row["default"].strip() for row in ROW.finditer(parameters)}
    config = EngineConfig()
    assert listed == {field.name: str(getattr(config, field.name)) for field in fields(config)}


def test_every_page_that_the_engine_cites_exists() -> None:
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0]: part for part in page.split("\n## ")[1:]}
    cited = 0
    for path in sorted((ROOT / "services" / "analysis" / "engine").rglob("*.py")):
        text = " ".join(path.read_text(encoding="utf-8").split())
        assert not OTHER_PAGE.search(text), f"{path} cites another page than docs/engine.md"
        for citation in CITATION.finditer(text):
            cited += 1
            section = sections.get(citation["heading"])
            assert section is not None, f"{path} cites {citation[0]}"
            assert not citation["step"] or f"\n{citation['step']}. " in section, f"{path} cites {citation[0]}"
    assert cited > 10
