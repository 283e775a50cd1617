"""Reads docs/schema.md, whose lists the tests compare with the catalogs."""

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path("docs/schema.md")
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<text>.+) \|$", re.MULTILINE)
BULLET = re.compile(r"^- `(?P<name>[^`]+)`: .+", re.MULTILINE)


def section(title: str) -> str:
    """The text below a heading of the second level."""
    return PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def added() -> Mapping[str, Mapping[str, str]]:
    """By `schema.table`: what was added, with its reason."""
    parts = section("Added to the specification's tables").split("\n### ")[1:]
    return {part.split("\n", 1)[0]: rows(part) for part in parts}


def rows(text: str) -> Mapping[str, str]:
    return {found["name"]: found["text"] for found in ROW.finditer(text)}


def bullets(text: str) -> list[str]:
    return [found["name"] for found in BULLET.finditer(text)]
