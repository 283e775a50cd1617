"""What the forms of a machine's pages say."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

TEXTS = ("name", "model", "serial_number", "location", "status")


def machine(form: FormData) -> Mapping[str, Any]:
    """The change of a machine; an empty text is no text, and tags are separated by commas."""
    found: dict[str, Any] = {name: _text(form, name) or None for name in TEXTS if name in form}
    found["name"] = _text(form, "name")
    found["tags"] = [tag for each in _text(form, "tags").split(",") if (tag := each.strip())]
    return found


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
