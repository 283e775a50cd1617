"""Brings the catalogues up to date with code and templates: `python -m services.web.texts.update`.

What has no translation yet is left empty; a test fails until somebody writes it.
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from services.web.layout.texts import DEFAULT, LANGUAGES

WEB = Path(__file__).resolve().parents[1]
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
TEMPLATES = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
# A text by its position among the arguments; None for the first alone.
KEYWORDS: Any = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "_gettext": None}


def extracted() -> Catalog:
    """All texts of the page, with their places."""
    catalogue = Catalog(project="DInsight", charset="utf-8")
    found = extract_from_dir(WEB, METHODS, {"**.html": TEMPLATES}, KEYWORDS, comment_tags=("Translators:",))
    for name, _line, message, comments, context in sorted(found, key=lambda each: (each[0], each[1])):
        catalogue.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return catalogue


def path_of(language: str) -> Path:
    return WEB / "texts" / language / "messages.po"


def updated(language: str, template: Catalog) -> bytes:
    """The catalogue of a language with the texts of today."""
    path = path_of(language)
    if path.exists():
        catalogue = read_po(BytesIO(path.read_bytes()), locale=language)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
    else:
        catalogue = template
        catalogue.locale = language
    written = BytesIO()
    # Without a header: it would hold the time of the update, and nothing that is read.
    write_po(written, catalogue, width=110, sort_by_file=True, omit_header=True, include_lineno=False)
    return written.getvalue()


def main() -> None:
    template = extracted()
    for language in LANGUAGES:
        if language != DEFAULT:
            path = path_of(language)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(updated(language, template))
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
