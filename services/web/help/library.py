"""Renders the documents that people read on the page, and finds words in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

DOCS = Path(__file__).resolve().parents[3] / "docs"
# By what somebody wants: to learn, to do, to look up, to understand (Diataxis).
SECTIONS: Mapping[str, Sequence[str]] = {
    "learn": ("help/first-week-operator", "help/first-week-engineer", "help/first-week-it"),
    "do": ("help/night-alert", "help/new-machine", "help/after-maintenance", "help/too-many-alarms"),
    "look up": ("glossary", "files", "events", "operations", "help/keys"),
    "understand": ("engine", "architecture", "security"),
}
HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
LINK = re.compile(r'href="(?!https?:|/|#|mailto:)([^"#]+?)\.md(#[^"]*)?"')
MAX_FOUND = 30


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    title: str
    content: Markup
    text: str


class Library:
    """All documents, rendered when the program starts: they change with a release only."""

    def __init__(self, docs: Path = DOCS) -> None:
        renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
        self._documents = {
            name.rpartition("/")[2]: _read(renderer, docs, name)
            for names in SECTIONS.values()
            for name in names
            if (docs / f"{name}.md").is_file()
        }

    def get(self, name: str) -> Document | None:
        return self._documents.get(name)

    def sections(self) -> Mapping[str, Sequence[Document]]:
        return {
            section: [found for name in names if (found := self.get(name.rpartition("/")[2]))]
            for section, names in SECTIONS.items()
        }

    def search(self, words: str) -> Sequence[Document]:
        """The documents that contain every word, those with one in the title first."""
        wanted = [word for word in words.lower().split() if len(word) > 1]
        found = [each for each in self._documents.values() if all(word in each.text for word in wanted)]
        ranked = sorted(found, key=lambda each: not any(word in each.title.lower() for word in wanted))
        return ranked[:MAX_FOUND] if wanted else ()


def _read(renderer: MarkdownIt, docs: Path, name: str) -> Document:
    source = (docs / f"{name}.md").read_text(encoding="utf-8")
    heading = HEADING.search(source)
    title = heading[1].strip() if heading else name
    # The page has the title already.
    body = source[: heading.start()] + source[heading.end() :] if heading else source
    content = LINK.sub(lambda match: _address(match[1], match[2] or ""), renderer.render(body))
    return Document(name.rpartition("/")[2], title, Markup(content), source.lower())  # noqa: S704 - no HTML passes


def _address(path: str, anchor: str) -> str:
    return f'href="/help/{path.rpartition("/")[2]}{anchor}"'
