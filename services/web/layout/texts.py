"""Texts in the visitor's language: gettext catalogues, and numbers and times as the language writes them."""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

CATALOGUES = Path(__file__).resolve().parents[1] / "texts"
DEFAULT = "en"
# English is the language of the source; the others have a catalogue.
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}


def catalogue(language: str) -> Catalog:
    """The `.po` file of a language."""
    with (CATALOGUES / language / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: str) -> NullTranslations:
    if language == DEFAULT:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def locale(language: str) -> Locale:
    return Locale.parse(language)


def chosen(cookie: str | None, accept: str) -> str:
    """The language of the cookie, else the best of the header Accept-Language."""
    if cookie is not None and cookie in LANGUAGES:
        return cookie
    return negotiate_locale(_ranked(accept), LANGUAGES, sep="-") or DEFAULT


def _ranked(accept: str) -> Sequence[str]:
    weighted: list[tuple[float, str]] = []
    for part in accept[:200].split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            weighted.append((float(quality or 1), name))
        except ValueError:
            continue
    ranked = [name for weight, name in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]
    # de-AT reads German; negotiate_locale knows only the names that it is given.
    return [each for name in ranked for each in (name, name.partition("-")[0])]
