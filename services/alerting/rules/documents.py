"""Reading the JSON documents of a rule (`condition`, `actions`): every problem is noted with a pointer."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from shared.errors import FieldError

VERSION = 1
# Years and months have no fixed length, so they are no part of this.
DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)


class Problems:
    """Collects what is wrong in one document, so that the author sees all of it at once."""

    def __init__(self, root: str) -> None:
        """`root` is the pointer of the document within the request."""
        self.root = root
        self.found: list[FieldError] = []

    def note(self, pointer: str, detail: str) -> None:
        self.found.append(FieldError(pointer, detail))

    def keys(
        self,
        at: str,
        node: Mapping[str, Any],
        *,
        known: Collection[str],
        required: Collection[str] = (),
        later: Collection[str] = (),
    ) -> None:
        """Check an object's keys. `later` are part of the language, but nothing evaluates them yet."""
        for key in node:
            if key in later:
                self.note(child(at, key), f"{key} is not evaluated yet, so it is not accepted: leave it out")
            elif key not in known:
                self.note(child(at, key), f"is not known here: use {listed(known)}")
        for key in required:
            if key not in node:
                self.note(at, f"needs {key}")

    def object(self, at: str, value: Any) -> Mapping[str, Any] | None:
        if isinstance(value, dict):
            return value
        self.note(at, "must be an object")
        return None

    def text(self, at: str, value: Any, *, longest: int) -> str | None:
        if isinstance(value, str) and 0 < len(value) <= longest:
            return value
        self.note(at, f"must be a text of 1 to {longest} characters")
        return None

    def one_of(self, at: str, value: Any, allowed: Collection[str]) -> str | None:
        if isinstance(value, str) and value in allowed:
            return value
        self.note(at, f"must be one of {listed(allowed)}")
        return None

    def items(self, at: str, value: Any, *, most: int, least: int = 1) -> list[Any]:
        if isinstance(value, list) and least <= len(value) <= most:
            return value
        self.note(at, f"must be a list of {least} to {most} items")
        return []

    def duration(self, at: str, value: Any) -> timedelta | None:
        match = DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.note(at, "must be an ISO 8601 duration of weeks, days and time, such as PT15M or P1D")
            return None
        return timedelta(**{unit: int(number) for unit, number in match.groupdict().items() if number})

    def version(self, at: str, node: Mapping[str, Any]) -> None:
        version = node.get("version")
        if isinstance(version, bool) or version != VERSION:
            self.note(child(at, "version") if "version" in node else at, f"version must be {VERSION}")


def child(at: str, key: str | int) -> str:
    """The RFC 6901 pointer of a member."""
    return f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"


def listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, set | frozenset) else names)
