"""A language in which every text stands in brackets, and an API whose data bear a mark.

What a page shows beside both has not gone through gettext.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel.support import NullTranslations

from services.web.api.client import Json
from tests.unit.web.fakes import FakeApi

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"
OPEN, CLOSE, DATUM = "\N{LEFT WHITE SQUARE BRACKET}", "\N{RIGHT WHITE SQUARE BRACKET}", "\N{PILCROW SIGN}"
AT = "2026-01-01T00:00:00Z"
ID = "00000000-0000-0000-0000-000000000009"
# Strings of these fields are English words for people, and no data: their codes are to be said instead.
ENGLISH = frozenset({"text", "message", "detail", "title", "reasons"})
BY_FORMAT = {"uuid": ID, "date-time": AT, "date": AT[:10], "duration": "P1D", "time": "06:00"}
# What the platform knows of a name and does not translate.
NAMES = frozenset({"DInsight", "English", "Deutsch", "UTC", "JSON", "API", "CSV"})
SHOWN = ("title", "aria-label", "placeholder", "alt", "data-confirm")
# Their content is no text of the page: code, times that scripts write, keys.
SKIPPED = frozenset({"script", "style", "code", "time", "kbd", "svg", "datalist", "pre"})
VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})


class Pseudo(NullTranslations):
    """Writes brackets around every text."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        return self.gettext(singular if count == 1 else plural)

    ugettext, ungettext = gettext, ngettext


class MarkedApi(FakeApi):
    """Answers every GET with what the OpenAPI document says of it: lists of one, texts with the mark."""

    async def json(self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None) -> Json:
        path = urlsplit(target).path.removeprefix("/api/v1")
        if (method, path) not in self.answers and method == "GET" and (schema := _schema(path)):
            return dict(_example(schema, ""))
        return await super().json(method, target, headers=headers, body=body)


@cache
def _document() -> Mapping[str, Any]:
    return dict(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def _schema(path: str) -> Mapping[str, Any] | None:
    """Of the response to a GET; a path without parameters before those with."""
    for template, operations in sorted(_document()["paths"].items(), key=lambda each: each[0].count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if "get" in operations and re.fullmatch(pattern, f"/api/v1{path}"):
            content = operations["get"]["responses"]["200"].get("content", {})
            return dict(content["application/json"]["schema"]) if "application/json" in content else None
    return None


def _example(schema: Mapping[str, Any], name: str) -> Any:
    if "$ref" in schema:
        return _example(_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _example(next(each for each in schema[several] if each.get("type") != "null"), name)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type"):
        case "object" if {"code", "params", "text"} <= schema.get("properties", {}).keys():
            return {"code": "sensor_dead", "params": {"sensor": DATUM + "f_0"}, "text": "has no value at all"}
        case "object":
            return {key: _example(each, key) for key, each in schema.get("properties", {}).items()}
        case "array":
            return [_example(schema.get("items", {}), name)]
        case "integer":
            return 2
        case "number":
            return 0.5
        case "boolean":
            return True
        case "string" if name in ENGLISH:
            return "said in English"
        case "string":
            return BY_FORMAT.get(schema.get("format", ""), DATUM + name)
    return {}


class _Texts(HTMLParser):
    """Collects what people see or hear of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SHOWN and value]
        if tag not in VOID:
            self._within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        while tag in self._within and self._within.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        if not SKIPPED.intersection(self._within):
            self.found.append(data)


def untranslated(page: str) -> Iterator[str]:
    """The texts of a page that are in no brackets, bear no mark, and are no name."""
    parser = _Texts()
    parser.feed(page)
    for text in parser.found:
        beside = _beside_brackets(text)
        words = re.findall(rf"{DATUM}?[^\W\d_][\w.@-]*", beside)
        if [word for word in words if len(word) > 1 and word not in NAMES and not word.startswith(DATUM)]:
            yield " ".join(text.split())


def _beside_brackets(text: str) -> str:
    depth, kept = 0, []
    for character in text:
        depth += (character == OPEN) - (character == CLOSE)
        if not depth and character != CLOSE:
            kept.append(character)
    return "".join(kept)
