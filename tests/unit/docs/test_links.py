"""Links between the pages lead somewhere, and so does every mention of a page in code or prose."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.deploy.programs import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").glob("*/README.md")])
RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
TEXTS = ("", ".css", ".html", ".js", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yml", ".yaml")
# A page named in code or prose: by its path from the root or from docs/, or beside the file that names it.
MENTION = re.compile(r"(?<![\w/.*-])(?:[\w.-]+/)*[\w-]+\.md\b")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        assert target.exists(), link[0]
        if link["anchor"]:
            assert link["anchor"] in anchors(target), link[0]


def test_every_page_that_is_mentioned_exists() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    lost = []
    for name in listed.stdout.split("\0"):
        file = ROOT / name
        if file.is_file() and file.suffix in TEXTS:
            for mention in MENTION.findall(file.read_text(encoding="utf-8")):
                if not any((place / mention).is_file() for place in (ROOT, ROOT / "docs", file.parent)):
                    lost.append(f"{name} names {mention}")
    assert lost == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == records
    numbers = [name[:4] for name in records]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_decision_has_the_parts_of_a_record(record: Path) -> None:
    title, _, status, date, *_ = record.read_text(encoding="utf-8").splitlines()
    assert title.startswith(f"# {record.name[:4]}: ")
    assert re.match(r"- Status: (accepted|replaced by \[)", status)
    assert re.fullmatch(r"- Date: 20\d\d-\d\d-\d\d", date)
    headings = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Alternatives", "Consequences"]
