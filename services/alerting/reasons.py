"""Why a message was not delivered, for people in any language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence, its stable code, and what it names. What was stored by older versions has no code."""

    text: str
    code: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def gone(text: str) -> Reason:
    """The receiver wants no more messages: with a status (RFC 9110, section 15.5.11)."""
    return Reason(text, "gone")
