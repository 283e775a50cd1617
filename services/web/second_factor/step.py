"""The second step of a sign-in, carried by its own form: the page keeps nothing of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.web.errors import ApiError

NEEDED = "second-factor-needed"


@dataclass(frozen=True, slots=True)
class Step:
    """What the API asked for, and where the visitor goes afterwards."""

    challenge: str
    methods: tuple[str, ...]
    passkey_options: Any
    next: str

    @classmethod
    def of(cls, error: ApiError, target: str) -> "Step | None":
        """The step that the API asks for; None if it is another error."""
        return _step({**error.problem, "next": target}) if error.reason_code == NEEDED else None

    @classmethod
    def read(cls, text: object) -> "Step | None":
        """The step that a form carried; None if it is none."""
        found = _object(text)
        return None if found is None else _step(found)

    def written(self) -> str:
        return json.dumps(
            {
                "challenge": self.challenge,
                "methods": self.methods,
                "passkey_options": self.passkey_options,
                "next": self.next,
            }
        )


def _step(values: Mapping[str, Any]) -> Step | None:
    challenge, methods = values.get("challenge"), values.get("methods")
    if not isinstance(challenge, str) or not isinstance(methods, list):
        return None
    return Step(
        challenge,
        tuple(str(method) for method in methods),
        values.get("passkey_options"),
        str(values.get("next") or "/"),
    )


def credential_of(text: object) -> Any:
    """The credential that the script has put into a form; empty if there is none."""
    return _object(text) or {}


def _object(text: object) -> dict[str, Any] | None:
    """The JSON object in a field; None for anything else."""
    try:
        found = orjson.loads(str(text))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
