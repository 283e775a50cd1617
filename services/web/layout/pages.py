"""Renders pages: one frame, the visitor's language, and a policy that lets nothing foreign run."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from babel.numbers import format_decimal, format_percent, format_scientific, get_decimal_symbol
from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.web.errors import ApiError
from services.web.layout import texts, words
from services.web.layout.durations import duration
from services.web.layout.ends import CHOICES
from services.web.sessions.visit import FORM_TOKEN_HEADER, Visit

# Outside, a value is written with a power of ten.
MIN_PLAIN, MAX_PLAIN = 1e-4, 1e7
ROOT = Path(__file__).resolve().parents[1]
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The embeddings and overrides of Unicode's bidirectional algorithm (UAX 9). Isolates end with their element.
TURNING = dict.fromkeys(range(0x202A, 0x202F))
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Forms must name their origin, and no other site may learn which page led to it.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language, HX-Request-Type",
}


class Pages:
    """`asset` gives the address of a file that pages load, `translations` the texts of a language."""

    def __init__(
        self,
        asset: Callable[[str], str],
        translations: Callable[[str], NullTranslations] = texts.translations,
    ) -> None:
        self._asset = asset
        self._translations = translations
        self._environments = {language: self._environment(language) for language in texts.LANGUAGES}

    async def show(self, visit: Visit, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """The page, or only its changing part if the browser has the rest.

        `template` is a path below services/web; it extends `base`, which is the frame or the part alone.
        """
        frame = {} if visit.is_partial else await self._frame(visit)
        return self.render(visit, template, status=status, **frame, **context)

    def render(self, visit: Visit, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        language = language_of(visit)
        base = "layout/part.html" if visit.is_partial else "layout/frame.html"
        content = (
            self._environments[language]
            .get_template(template)
            .render({"visit": visit, "language": language, "base": base, "organizations": (), **context})
        )
        return HTMLResponse(content, status, headers=HEADERS)

    def words(self, visit: Visit) -> words.Words:
        """Sentences in the visitor's language."""
        found: words.Words = self._environments[language_of(visit)].globals["words"]  # type: ignore[assignment]
        return found

    def gettext(self, visit: Visit) -> Callable[[str], str]:
        return self._translations(language_of(visit)).gettext

    async def _frame(self, visit: Visit) -> Mapping[str, Any]:
        if visit.session is None:
            return {}
        try:
            return {"organizations": (await visit.get("/organizations", limit=100))["items"]}
        except ApiError:
            # The frame can do without its menu, and the page may still have what the visitor came for.
            return {}

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(ROOT),
            autoescape=True,
            finalize=upright,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        locale = texts.locale(language)
        translations = self._translations(language)
        environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {
            "asset": self._asset,
            "address": address,
            "end_choices": CHOICES,
            "here": here,
            "languages": texts.LANGUAGES,
            "may": may,
            "form_token_header": FORM_TOKEN_HEADER,
            "words": words.Words(translations.gettext, get_decimal_symbol(locale)),
        }
        environment.filters |= {
            "number": partial(number, locale=locale),
            "percent": partial(format_percent, format="#,##0.#%", locale=locale),
            "when": when,
            "utc": lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": lambda value: duration(value, locale),
            "measure": lambda value: measure(value, locale),
            "pairs": lambda values: [(value, value) for value in values],
        }
        return environment


def upright(value: Any) -> Any:
    """Text without marks that turn the direction of all that follows: a name could disguise a sentence."""
    return value.translate(TURNING) if isinstance(value, str) and not value.isascii() else value


@pass_context
def address(context: Context, path: str, **query: Any) -> str:
    """A path in the organization of the page, with the query parameters that have a value."""
    visit: Visit = context["visit"]
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"/o/{visit.organization_id}{path}" + (f"?{urlencode(given)}" if given else "")


@pass_context
def here(context: Context) -> str:
    """The address of the page with its query: the filters and the place in a list."""
    url = context["visit"].request.url
    return f"{url.path}?{url.query}" if url.query else str(url.path)


@pass_context
def may(context: Context, role: str) -> bool:
    visit: Visit = context["visit"]
    return visit.may(role)


def number(value: float, digits: int = 2, *, locale: Locale) -> str:
    return format_decimal(round(float(value), digits), locale=locale)


def measure(value: Any, locale: Locale) -> str:
    """A measured value to four digits, however large or small it is."""
    number = float(value)
    if not math.isfinite(number):
        return "-"
    if number and not MIN_PLAIN <= abs(number) < MAX_PLAIN:
        return format_scientific(float(f"{number:.3e}"), locale=locale, format="0.###E0")
    digits = max(0, 3 - math.floor(math.log10(abs(number)))) if number else 0
    return format_decimal(round(number, digits), locale=locale, format=f"#,##0.{'#' * digits}")


def when(value: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(value).astimezone(UTC)


def language_of(visit: Visit) -> str:
    request = visit.request
    return texts.chosen(
        request.cookies.get(visit.holder.place.language_cookie), request.headers.get("Accept-Language", "")
    )


def moved(visit: Visit, target: str) -> Response:
    """Send the browser to another page, after a form or instead of this page."""
    if visit.request.headers.get("HX-Request"):
        return Response(status_code=204, headers={**HEADERS, "HX-Redirect": target})
    return RedirectResponse(target, 303, headers=HEADERS)


def to_sign_in(visit: Visit) -> Response:
    """Where somebody without a session goes, and comes back from."""
    request = visit.request
    shown = request.headers.get("HX-Current-URL") or str(request.url)
    path = shown.split("://", 1)[-1].partition("/")[2] if request.method == "GET" else ""
    return moved(visit, "/sign-in" + (f"?{urlencode({'next': '/' + path})}" if path else ""))
