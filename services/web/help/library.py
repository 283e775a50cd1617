"""Renders the documents that people read on the page, and finds words in them."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from services.web.layout.texts import DEFAULT, LANGUAGES

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
    # Not every document is there in every language.
    language: str
    content: Markup
    text: str


class Library:
    """All documents, rendered when the program starts: they change with a release only."""

    def __init__(self, docs: Path = DOCS) -> None:
        self._documents = {language: _read_all(docs, language) for language in LANGUAGES}

    def get(self, name: str, language: str) -> Document | None:
        """The document in this language, or else in the one that all are written in."""
        return self._documents[language].get(name)

    def sections(self, language: str) -> Mapping[str, Sequence[Document]]:
        return {
            section: [found for name in names if (found := self.get(_short(name), language))]
            for section, names in SECTIONS.items()
        }

    def search(self, words: str, language: str) -> Sequence[Document]:
        """The documents that contain every word, those with one in the title first."""
        wanted = [word for word in words.lower().split() if len(word) > 1]
        known = self._documents[language].values()
        found = [each for each in known if all(word in each.text for word in wanted)]
        ranked = sorted(found, key=lambda each: not any(word in each.title.lower() for word in wanted))
        return ranked[:MAX_FOUND] if wanted else ()


def _read_all(docs: Path, language: str) -> Mapping[str, Document]:
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    names = [each for names in SECTIONS.values() for each in names if (docs / f"{each}.md").is_file()]
    places = {name: f"help/{language}/{_short(name)}" for name in names}
    own = {name: place for name, place in places.items() if (docs / f"{place}.md").is_file()}
    # A link leads to the document of its own language, or to the one that stands in for it.
    targets = {place: _short(name) for name, place in (*zip(names, names, strict=True), *own.items())}
    return {
        _short(name): _read(
            renderer, docs, own.get(name, name), language if name in own else DEFAULT, targets
        )
        for name in names
    }


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _read(
    renderer: MarkdownIt, docs: Path, place: str, language: str, targets: Mapping[str, str]
) -> Document:
    source = (docs / f"{place}.md").read_text(encoding="utf-8")
    heading = HEADING.search(source)
    title = heading[1].strip() if heading else place
    # The page has the title already.
    body = source[: heading.start()] + source[heading.end() :] if heading else source
    content = LINK.sub(lambda match: _linked(match, place, targets), renderer.render(body))
    return Document(_short(place), title, language, Markup(content), source.lower())  # noqa: S704 - no HTML passes


def _linked(link: re.Match[str], place: str, targets: Mapping[str, str]) -> str:
    """A link of the document at `place` to another one of the help; of any other link, its text alone."""
    path, anchor, text = link[1], link[2] or "", link[3]
    target, kind = posixpath.splitext(posixpath.normpath(posixpath.join(posixpath.dirname(place), path)))
    if kind != ".md" or target not in targets:
        return text
    return f'<a href="/help/{targets[target]}{anchor}">{text}</a>'
