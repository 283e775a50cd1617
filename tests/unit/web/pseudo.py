"""A language in which every text stands in brackets, and an API whose data bear a mark.

What a page shows beside both has not gone through gettext.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
# A remark, as the API has them: its code is to be said.
SAID = {"code": "sensor_dead", "params": {"sensor": DATUM + "f_0"}}
# Of the field of that name, where other codes stand.
SAID_OF: Mapping[str, dict[str, Any]] = {
    "problem": {"code": "host-unknown", "params": {"host": DATUM + "host"}},
}
# Texts that the document does not call enumerations.
CODES: Mapping[str, Sequence[str]] = {
    "role": ["judged", "owner", "context"],
    "kind": ["number", "time", "text"],
    "state": ["ok", "failing", "unknown"],
    "stage": ["reading", "fitting", "scoring"],
    "change": ["raised", "acknowledged", "severity_changed"],
}
TIMES = frozenset({"first", "last", "from", "to"})
EXPLAINED = {"name": DATUM + "f_0", "observed": 1.5, "expected": 1.0, "deviation": 3.2, "share": 0.7}
STEP = {"to": ["role:operator", f"contact:{DATUM}x"], "after": "PT15M", "repeat": "PT1H"}
# What the document leaves open.
FREE: Mapping[str, Any] = {
    "results": {
        "samples": 40,
        "anomaly_count": 3,
        "threshold": 2.5,
        "features": 4,
        "readiness": {"verdict": "usable", "findings": [SAID]},
        "health": {"state": "failing", "findings": [SAID]},
        "activation": SAID,
        "promised": {"rate": 0.01, "low": 0.005, "high": 0.02},
    },
    "features": {"features": [EXPLAINED]},
    "actions": {
        "version": 1,
        "steps": [{**STEP, "unless": ["acknowledged"]}],
        "webhooks": {DATUM + "cmms": {"url": DATUM + "url"}},
    },
    "condition": {
        "version": 1,
        "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5, "for": "PT1H"},
    },
}
# Names, which no language translates: those of the page, and of the fakes.
NAMES = frozenset(
    {"DInsight", "English", "Deutsch", "UTC", "JSON", "API", "CSV", "Plant", "Ada", "ada@example.org"}
    # Examples in forms.
    | {"Europe/Berlin", "BRG-02", "night-shift", "nights", "machine.updated"}
)
# Babel writes these (CLDR).
SPANS = re.compile(r"\d+ (?:seconds?|minutes?|hours?|days?|weeks?)")
SHOWN = ("title", "aria-label", "placeholder", "alt", "data-confirm")
# Their content is no text of the page: code, times that scripts write, keys.
SKIPPED = frozenset({"script", "style", "code", "time", "kbd", "svg", "datalist", "pre", "textarea"})
VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})


class Pseudo(NullTranslations):
    """Writes brackets around every text."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    # What Jinja calls.
    ugettext, ungettext = gettext, ngettext


class MarkedApi(FakeApi):
    """Answers every GET with what the OpenAPI document says of it: lists of one, texts with the mark.

    Where there are several values to choose from, `variant` chooses.
    """

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        self._examples = Examples(variant)

    async def json(self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None) -> Json:
        path = urlsplit(target).path.removeprefix("/api/v1")
        if (method, path) not in self.answers and method == "GET" and (schema := _schema(path)):
            return dict(self._examples.of(schema, ""))
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


class Examples:
    """Makes values of JSON schemas."""

    def __init__(self, variant: int) -> None:
        self._variant = variant

    def of(self, schema: Mapping[str, Any], name: str) -> Any:
        """A value, for a field of this name."""
        if "$ref" in schema:
            return self.of(_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
        if several := schema.get("anyOf") or schema.get("oneOf"):
            return self.of(next(each for each in several if each.get("type") != "null"), name)
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else self._chosen(schema["enum"])
        if schema.get("type") == "object":
            return self._object(schema, name)
        if schema.get("type") == "array":
            return [self.of(schema.get("items", {}), name)]
        return self._plain(schema, name)

    def _object(self, schema: Mapping[str, Any], name: str) -> Any:
        if "properties" not in schema:
            return FREE.get(name, {})
        made = {key: self.of(each, key) for key, each in schema["properties"].items()}
        return made | SAID_OF.get(name, SAID) if SAID.keys() <= made.keys() else made

    def _plain(self, schema: Mapping[str, Any], name: str) -> Any:
        match schema.get("type"):
            case "integer":
                return 2
            case "number":
                return 0.5
            case "boolean":
                return self._variant % 2 == 0
            case "string" if name in ENGLISH:
                return "said in English"
            case "string" if name in CODES:
                return self._chosen(CODES[name])
            case "string" if name in TIMES:
                return AT
            case "string":
                return BY_FORMAT.get(schema.get("format", ""), DATUM + name)
        return {}

    def _chosen(self, values: Sequence[Any]) -> Any:
        return values[self._variant % len(values)]


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
        beside = SPANS.sub("", _beside_brackets(text))
        words = re.findall(rf"{DATUM}?[^\W\d_][\w.@/-]*", beside)
        if [word for word in words if len(word) > 1 and word not in NAMES and not word.startswith(DATUM)]:
            yield " ".join(text.split())


def _beside_brackets(text: str) -> str:
    depth, kept = 0, []
    for character in text:
        depth += (character == OPEN) - (character == CLOSE)
        if not depth and character != CLOSE:
            kept.append(character)
    return "".join(kept)
