"""No page shows a text that did not go through gettext."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.web.layout import texts
from services.web.main import create_app
from services.web.settings import Settings
from shared.settings import InstallationSettings
from tests.unit.web.fakes import ORGANIZATION, browser
from tests.unit.web.pseudo import ID, MarkedApi, Pseudo, untranslated

SCRIPTS = sorted((Path(texts.__file__).resolve().parents[1] / "assets" / "js").rglob("*.js"))
# What a script puts before people, as a literal.
SAID = r"(?:textContent|innerText|title|ariaLabel|placeholder|label|alt)\s*[:=]\s*[\"'`][^\"'`]*[A-Za-z]{2}"
# Not pages of ours: what is passed on, files, pictures, and the help, whose documents are in English.
# A sample has no page without its number; the report of an alert shows one.
NO_PAGES = re.compile(
    r"/assets/|/live|/data/|\.csv|\.ics|/help|/health/|/metrics|/picture|\.svg|/sample$|columns|/sign-in/provider"
)


def paths() -> list[str]:
    app = create_app(InstallationSettings(), Settings(), MarkedApi())
    routes = [each for router in app.routes for each in _routes(router)]
    found = [each.path for each in routes if isinstance(each, APIRoute) and "GET" in (each.methods or ())]
    named = {"organization_id": str(ORGANIZATION), "tab": "settings"}
    filled = [re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: named.get(m[1], ID), path) for path in found]
    return [path for path in filled if not NO_PAGES.search(path)]


def _routes(route: Any) -> Iterator[Any]:
    """A router that was included keeps its routes to itself."""
    router = getattr(route, "original_router", None)
    yield from router.routes if router else [route]


@pytest.mark.parametrize("variant", range(3))
async def test_no_page_has_a_text_beside_those_of_the_catalogue(variant: int) -> None:
    found: dict[str, list[str]] = {}
    async with browser(MarkedApi(variant), translations=lambda _language: Pseudo()) as visitor:
        for path in paths():
            await visitor.sign_in()
            page = await visitor.get(path)
            assert page.status_code < 400, (path, page.text)
            found[path] = list(untranslated(page.text))
    assert len(found) > 40
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_only_what_the_page_gave_it(script: Path) -> None:
    text = re.sub(r"\$\{[^}]*\}", "", script.read_text(encoding="utf-8"))
    assert re.findall(SAID, text) == []


def test_a_text_that_is_in_no_brackets_is_found() -> None:
    page = (
        '<p>\N{LEFT WHITE SQUARE BRACKET}Hello\N{RIGHT WHITE SQUARE BRACKET} ¶name 5</p><b title="x">by</b>'
    )
    assert list(untranslated(page)) == ["by"]
