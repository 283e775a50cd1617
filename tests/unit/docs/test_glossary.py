"""The glossary defines each term once."""

import re

from tests.unit.deploy.programs import ROOT

ROW = re.compile(r"^\| (?P<terms>[^|]+) \| [^|]+ \|$", re.MULTILINE)


def test_each_term_is_defined_once() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [
        term.strip(" `")
        for row in ROW.finditer(page)
        if row["terms"] not in ("term", "---")
        for term in row["terms"].split(",")
    ]
    assert len(terms) > 50
    assert sorted(terms) == sorted(set(terms))
