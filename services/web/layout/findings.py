"""Says codes in one language, with the parameters that come with them.

A code without a sentence, or a parameter that is missing, is said in the API's own English words.
"""

import string
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from services.web.layout.file_texts import FILES, QUALITY
from services.web.layout.verdict_texts import VERDICTS

# Of machines, baselines, rules and data that were read.
SENTENCES: Mapping[str, str] = {**QUALITY, **VERDICTS}
# Of files: where a code is also that of a verdict, it means the file.
FILE_SENTENCES: Mapping[str, str] = {**SENTENCES, **FILES}
# Smaller ones would read as 0%.
MIN_SHARE = 0.005
# Whole numbers from here on have their digits in groups.
MIN_GROUPED = 10_000
UNITS = ("B", "KiB", "MiB", "GiB")
# Copied from a file, and shown as they stand there.
COPIED = frozenset({"cell", "other"})


class Sentences(string.Formatter):
    """`str.format` with the signs of a language in numbers, and sizes as `{limit:size}`."""

    def __init__(self, decimal: str) -> None:
        self._decimal, self._group = decimal, "," if decimal == "." else "."

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "size":
            return self._size(float(value))
        if not format_spec and type(value) is int and abs(value) >= MIN_GROUPED:
            return f"{value:,}".replace(",", self._group)
        text = str(format(value, format_spec))
        return text.replace(".", self._decimal) if isinstance(value, float) else text

    def _size(self, size: float) -> str:
        unit = 0
        while size >= 1024 and unit < len(UNITS) - 1:
            size, unit = size / 1024, unit + 1
        return f"{self.format_field(size, '.3g')} {UNITS[unit]}"


class Findings:
    """Says findings in one language."""

    def __init__(self, gettext: Callable[[str], str], decimal: str = ".") -> None:
        self._gettext = gettext
        self._sentences = Sentences(decimal)

    def say(self, finding: Mapping[str, Any], sentences: Mapping[str, str] = SENTENCES) -> str:
        """A finding as a sentence."""
        said = self.said(sentences.get(str(finding.get("code"))), finding.get("params") or {})
        return sentence(str(finding.get("text") or finding.get("message") or "")) if said is None else said

    def said(self, text: str | None, params: Mapping[str, Any]) -> str | None:
        """The text in the language, with the parameters; None without a text, or where one is missing."""
        if text is None:
            return None
        try:
            return self.fill(text, readable(params))
        except (KeyError, IndexError, ValueError, TypeError):
            return None

    def fill(self, text: str, values: Mapping[str, Any]) -> str:
        """The text in the language, with the values. Raises KeyError, IndexError, ValueError, TypeError."""
        return self._sentences.vformat(self._gettext(text), (), values)


def readable(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters, with times and lists as people write them."""
    return {name: value if name in COPIED else _readable(value) for name, value in params.items()}


def _readable(value: Any) -> Any:
    match value:
        case str():
            return _time(value)
        case [{"name": _, "share": _}, *_]:
            told = [each for each in value if each["share"] >= MIN_SHARE] or value[:1]
            return ", ".join(f"{each['name']} ({each['share']:.0%})" for each in told)
        case list():
            return ", ".join(map(str, value))
    return value


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if time.tzinfo else text


def sentence(text: str) -> str:
    """The API's reasons are parts of a sentence; here each stands alone."""
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
