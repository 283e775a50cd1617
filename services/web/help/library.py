"""Renders the documents that people read on the page, and finds words in them."""

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

DOCS = Path(__file__).resolve().parents[3] / "docs"
# By what somebody wants: to learn, to do, to look up, to understand (Diataxis).
SECTIONS: Mapping[str, Sequence[str]] = {
    "learn": ("help/first-week-operator", "help/first-week-engineer", "help/first-week-it"),
    "do": (
        "help/night-alert",
        "help/fewer-messages",
        "help/new-machine",
        "help/after-maintenance",
        "help/too-many-alarms",
    ),
    "look up": ("glossary", "files", "events", "operations", "help/keys"),
    "understand": ("engine", "architecture", "security"),
}
HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
# A relative link, as the renderer writes it: its path, its anchor, its text.
LINK = re.compile(r'<a href="(?!https?:|/|#|mailto:)([^"#]+)(#[^"]*)?">(.*?)</a>', re.DOTALL)
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
        names = [each for names in SECTIONS.values() for each in names if (docs / f"{each}.md").is_file()]
        self._documents = {name.rpartition("/")[2]: _read(renderer, docs, name, names) for name in names}

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


def _read(renderer: MarkdownIt, docs: Path, name: str, names: Collection[str]) -> Document:
    source = (docs / f"{name}.md").read_text(encoding="utf-8")
    heading = HEADING.search(source)
    title = heading[1].strip() if heading else name
    # The page has the title already.
    body = source[: heading.start()] + source[heading.end() :] if heading else source
    content = LINK.sub(lambda match: _linked(match, name, names), renderer.render(body))
    return Document(name.rpartition("/")[2], title, Markup(content), source.lower())  # noqa: S704 - no HTML passes


def _linked(link: re.Match[str], name: str, names: Collection[str]) -> str:
    """A link of the document `name` to another one of the help; of any other link, its text alone."""
    path, anchor, text = link[1], link[2] or "", link[3]
    place, kind = posixpath.splitext(posixpath.normpath(posixpath.join(posixpath.dirname(name), path)))
    if kind != ".md" or place not in names:
        return text
    return f'<a href="/help/{posixpath.basename(place)}{anchor}">{text}</a>'
