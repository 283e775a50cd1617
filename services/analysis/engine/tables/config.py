"""How a file is to be read, where its content does not settle it: the fields of `reading` in a configuration."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ..errors import ConfigError

DECIMALS = (".", ",")
THOUSANDS = ("", ".", ",", "'", " ")
DELIMITERS = (",", ";", "\t", "|", " ")
MISSING = ("use", "previous", "linear", "refuse")

MAX_MISSING_VALUES, MAX_WORD_CHARACTERS = 100, 100
"""More or longer words are a mistake in the request, not a list of marks."""

MAX_HEADER_LINE = 1000
"""A header further down than this is not a preamble's end."""


@dataclass(frozen=True, slots=True)
class ReadingConfig:
    """What a user says about files; None (or empty) means that the content decides.

    - `decimal`: `.` or `,`; `thousands`: `.`, `,`, `'`, a space (any kind), or an empty text for none;
    - `delimiter`: `,` `;` tab `|`, or a space for any number of blanks;
    - `encoding`: the name of a text encoding, such as `cp1252` or `utf-16`;
    - `header`: the line of the column names, counted from 1; 0 if there is none (`column_1`, `column_2` ...);
    - `missing_values`: words and numbers that mean "not measured", beside the known words;
    - `missing`: `use` leaves them to the analysis, `previous` and `linear` fill them in, `refuse` rejects the file.
    """

    decimal: str | None = None
    thousands: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header: int | None = None
    missing_values: tuple[str, ...] = ()
    missing: str = "use"

    def validate(self) -> Self:
        """Return this configuration. Raises ConfigError naming the first field that is out of range."""
        self._choice("decimal", (None, *DECIMALS))
        self._choice("thousands", (None, *THOUSANDS))
        self._choice("delimiter", (None, *DELIMITERS))
        self._choice("missing", MISSING)
        if self.decimal is not None and self.decimal == self.thousands:
            raise ConfigError("decimal and thousands must differ", field="thousands")
        if self.encoding is not None and not _is_text_encoding(self.encoding):
            raise ConfigError(
                f"encoding must be a text encoding such as utf-8, utf-16 or cp1252, but is {self.encoding!r}",
                field="encoding",
            )
        header = self.header
        if header is not None and (type(header) is not int or not 0 <= header <= MAX_HEADER_LINE):
            raise ConfigError(
                f"header must be a line number of at most {MAX_HEADER_LINE}, or 0 for none, but is {header!r}",
                field="header",
            )
        words = self.missing_values
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            raise ConfigError("missing_values must be a list of words", field="missing_values")
        if len(words) > MAX_MISSING_VALUES or any(len(word) > MAX_WORD_CHARACTERS for word in words):
            raise ConfigError(
                f"missing_values must hold at most {MAX_MISSING_VALUES} words of at most"
                f" {MAX_WORD_CHARACTERS} characters",
                field="missing_values",
            )
        return self

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that JSON describes. Raises ConfigError."""
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"{name} is not a field of a reading configuration", field=name)
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        ).validate()

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as JSON."""
        default = asdict(type(self)())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != default[name]
        }

    def _choice(self, name: str, known: tuple[str | None, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            shown = ", ".join(repr(item) for item in known if item is not None)
            raise ConfigError(f"{name} must be one of {shown}, but is {value!r}", field=name)


def _is_text_encoding(name: str) -> bool:
    """Tell whether Python knows a text encoding of this name (and not, for instance, `zip` or `rot13`)."""
    try:
        info = codecs.lookup(name)
        return bool(getattr(info, "_is_text_encoding", True)) and isinstance(b"a".decode(name, "replace"), str)
    except (LookupError, ValueError, TypeError, UnicodeError):
        return False
