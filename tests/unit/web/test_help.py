"""The help: every document is shown, in the reader's language where it was written for the help."""

import re
from pathlib import Path

import pytest

from services.web.help.library import SECTIONS, Library
from services.web.layout.texts import DEFAULT, LANGUAGES, catalogue
from tests.unit.web.fakes import FakeApi, browser

DOCS = Path(__file__).resolve().parents[3] / "docs"
NAMES = [name for names in SECTIONS.values() for name in names]
# These are translated. Of what people look up, there is a German glossary of the page's words.
WRITTEN_FOR_THE_HELP = [name for name in NAMES if name.startswith("help/")]
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
# In the pages of the help, what stands on the page itself.
ITALIC = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")

each_language = pytest.mark.parametrize("language", LANGUAGES)
each_page = pytest.mark.parametrize("name", WRITTEN_FOR_THE_HELP)


def short(name: str) -> str:
    return name.rpartition("/")[2]


def source(name: str, language: str = DEFAULT) -> str:
    place = name if language == DEFAULT else f"help/{language}/{short(name)}"
    return " ".join((DOCS / f"{place}.md").read_text(encoding="utf-8").split())


def texts_of(language: str) -> set[str]:
    """What the page says, whatever begins it: a button's text may stand within a sentence here."""
    messages = catalogue(OTHERS[0] if language == DEFAULT else language)
    found = [message.id if language == DEFAULT else message.string for message in messages]
    return {text.casefold() for text in found if isinstance(text, str)}


@each_language
async def test_every_document_is_shown_and_its_links_lead_somewhere(language: str) -> None:
    library = Library()
    async with browser(FakeApi()) as visitor:
        for name in NAMES:
            answer = await visitor.get(f"/help/{short(name)}", **{"Accept-Language": language})
            assert answer.status_code == 200, name
            for link in re.findall(r'href="([^"]+)"', answer.text):
                place, _, shown = link.partition("#")[0].partition("/help/")
                assert re.match("https?:|mailto:|/|#", link), f"{name} links to {link}"
                assert place or not shown or library.get(shown, language), f"{name} links to {link}"
        assert (await visitor.get("/help/nothing")).status_code == 404


async def test_documents_are_found_by_words_of_the_readers_language() -> None:
    async with browser(FakeApi()) as visitor:
        assert "night-alert" in (await visitor.get("/help?q=night+alert")).text
        german = {"Accept-Language": "de"}
        found = (await visitor.get("/help?q=Alarm+Nacht", **german)).text
        assert (
            '<a href="/help/night-alert" lang="de" hreflang="de">Ein Alarm in der Nacht: War es echt?</a>'
            in found
        )
        # Nobody has translated it, and whoever reads it aloud must know.
        assert '<h1 lang="en">' in (await visitor.get("/help/operations", **german)).text
        for name in ("keys", "glossary"):
            assert '<h1 lang="de">' in (await visitor.get(f"/help/{name}", **german)).text


@pytest.mark.parametrize("language", OTHERS)
@each_page
def test_a_translation_says_as_much_as_its_original(name: str, language: str) -> None:
    original, translation = source(name), source(name, language)
    for marks in (r"(?:^| )\d\. ", r"\| (?=[^-])", r"\*\*[^*]+\*\*"):
        assert len(re.findall(marks, original)) == len(re.findall(marks, translation)), marks
    assert re.findall(r"`[^`]+`", original) == re.findall(r"`[^`]+`", translation)
    links = [[short(link) for link in re.findall(r"\]\(([^)]+)\)", text)] for text in (original, translation)]
    assert links[0] == links[1]


@each_language
@each_page
def test_what_the_help_names_stands_on_the_page(name: str, language: str) -> None:
    known = texts_of(language)
    named = [part for text in ITALIC.findall(source(name, language)) for part in text.split(", ")]
    assert [part for part in named if part.casefold() not in known] == []


def test_every_document_is_in_the_image() -> None:
    copied = (DOCS.parent / "deploy" / "Dockerfile").read_text()
    for name in NAMES:
        assert name.startswith("help/") or f"docs/{name}.md" in copied, name
    assert "COPY docs/help ./docs/help" in copied


def test_commands_and_calls_exist() -> None:
    """Of the pages that are written for the help; the references have tests of their own."""
    targets = set(re.findall(r"^([a-z-]+):", (DOCS.parent / "Makefile").read_text(), re.MULTILINE))
    paths = (DOCS / "openapi.json").read_text()
    for page in sorted((DOCS / "help").rglob("*.md")):
        text = page.read_text()
        for target in re.findall(r"`make ([a-z-]+)`", text):
            assert target in targets, f"{page.name}: make {target}"
        for path in re.findall(r"`(?:GET|POST|PATCH|DELETE) (/\S+)`", text):
            assert f'"{path}"' in paths, f"{page.name}: {path}"
