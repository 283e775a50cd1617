"""A body that each write accepts: from the document's examples, and from here where those do not do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.isolation.operations import Document, Operation, resolved
from tests.support.tables import as_csv, spectra

FEATURES = 16
PASSWORD = "a long enough pass phrase"
ROWS = 80


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request carries: JSON, or the fields and files of a form."""

    json: Any = None
    form: Mapping[str, Any] | None = None

    def replaced(self, place: tuple[str, ...], value: Any) -> "Payload":
        """The same with `value` at one place."""
        if self.form is not None:
            return Payload(form={**self.form, place[0]: value})
        return Payload(json=_replaced(self.json, place, value))

    def arguments(self) -> dict[str, Any]:
        if self.form is not None:
            table = as_csv(spectra(ROWS, seed=7, features=FEATURES))
            return {"data": dict(self.form), "files": [("files", ("table.csv", table, "text/csv"))]}
        return {} if self.json is None else {"json": self.json}


def payload(document: Document, operation: Operation, ids: Mapping[str, str]) -> Payload:
    """What `operation` accepts from the organization that has these ids."""
    if operation.body is None:
        return Payload()
    if operation.id == "create_analysis":
        return Payload(form={"machine_id": ids["machine_id"], "analysis_type": "baseline"})
    if operation.id == "preview_file":
        return Payload(form={})
    if operation.id == "create_config":
        # The tables above have few columns; the next configuration must fit them still.
        return Payload(json=CONFIG)
    if operation.id == "change_alerts":
        return Payload(json={"action": "comment", "alert_ids": [ids["alert_id"]], "note": "changed"})
    if operation.id in PEOPLE:
        return Payload(json=PEOPLE[operation.id](ids))
    value = sample(document, operation.body, ids)
    if operation.id == "update_organization":
        # Nobody sets a rule for sign-ins that they do not meet.
        value = {name: each for name, each in value.items() if not isinstance(each, bool)}
    if "legal_hold" in (value if isinstance(value, dict) else ()):
        # It would refuse the deletions that are to come.
        value = {**value, "legal_hold": False}
    if operation.id == "change_password":
        value = {"current_password": PASSWORD, "new_password": PASSWORD}
    return Payload(json=value)


def override(user_id: str) -> dict[str, Any]:
    """Of a rotation, whose members are those of the organization."""
    return {"user_id": user_id, "starts_at": "2035-01-01T00:00:00Z", "ends_at": "2035-01-02T00:00:00Z"}


def _handle() -> str:
    """A name that no other contact point or rotation has."""
    return f"n{uuid4().hex}"


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:tests
BEGIN:VEVENT
UID:1
DTSTART:20350101T000000Z
DURATION:PT1H
END:VEVENT
END:VCALENDAR
"""
# How alerts reach people: names are unique, ends lie in the future, and members joined with an event.
PEOPLE: Mapping[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
    "create_contact_point": lambda _: {"name": _handle(), "target": {"kind": "role", "role": "admin"}},
    "update_contact_point": lambda _: {"name": _handle()},
    "create_rotation": lambda ids: {
        "name": _handle(),
        "members": [ids["owner_id"]],
        "starts": "2026-01-05T06:00:00",
    },
    "update_rotation": lambda _: {"name": _handle()},
    "create_override": lambda ids: override(ids["owner_id"]),
    "create_silence": lambda ids: {
        "name": "Bearing",
        "reason": "Repair",
        # Of a machine that raises nothing, so that other alerts notify as usual.
        "matcher": {"tags": ["none"], "machine_ids": [ids["machine_id"]]},
        "ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    },
    "update_silence": lambda _: {"reason": "Later"},
    "create_maintenance_window": lambda ids: {
        "name": "Oil",
        "reason": "Service",
        "matcher": {"machine_ids": [ids["machine_id"]]},
        "starts": "2035-01-01T00:00:00",
        "duration": "PT1H",
    },
    "update_maintenance_window": lambda _: {"reason": "Later"},
    "import_maintenance_windows": lambda _: {"calendar": CALENDAR, "matcher": {"tags": ["none"]}},
    "assign_alert": lambda ids: {"user_id": ids["owner_id"]},
    "create_opt_out": lambda ids: {"rule_ids": [ids["rule_id"]], "below": "low"},
}


CONFIG = {"end_dim": f"f_{FEATURES - 1}"}


def foreign(operation: Operation, place: tuple[str, ...], body: Payload, value: str) -> Payload:
    """The body with another organization's id at one place."""
    if operation.id == "create_analysis" and place == ("baseline_id",):
        # Only a monitoring run is compared with a baseline.
        body = body.replaced(("analysis_type",), "monitoring")
    return body.replaced(place, value)


def sample(document: Document, schema: Mapping[str, Any], ids: Mapping[str, str], name: str = "") -> Any:
    """A value that fits the schema; `name` is the property's, by which ids are found."""
    schema = resolved(document, schema)
    if name in ids:
        return ids[name]
    if name == "role":
        # Neither what a new member has anyway, nor what only an owner may give.
        return "operator"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema and not schema.get("examples"):
            return sample(document, schema[choice][0], ids, name)
    if "const" in schema:
        return schema["const"]
    if schema.get("examples"):
        return _fresh(name, schema["examples"][0])
    if "enum" in schema:
        return schema["enum"][-1]
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object":
        return {
            each: sample(document, inner, ids, each)
            for each, inner in schema.get("properties", {}).items()
            # What is optional and has no example is left out, unless it is all there is.
            if each in schema.get("required", ()) or _told(document, inner) or not schema.get("required")
        }
    if kind == "array":
        return [sample(document, schema["items"], ids, name)] if schema.get("minItems") else []
    return _scalar(kind, schema, name)


def _scalar(kind: str | None, schema: Mapping[str, Any], name: str) -> Any:
    match kind, schema.get("format"):
        case "string", "email":
            return f"{uuid4().hex}@example.org"
        case "string", "uuid":
            return str(uuid4())
        case "string", "date-time":
            return "2030-01-01T00:00:00Z"
        case "string", "uri":
            return "https://example.org"
        case "string", _:
            text = uuid4().hex if name == "slug" else f"changed {name}"
            return text.ljust(schema.get("minLength", 1), "x")
        case "boolean", _:
            return True
        case _, _:
            return schema.get("minimum", schema.get("exclusiveMinimum", 0)) + 1


def _fresh(name: str, example: Any) -> Any:
    """An address is taken once: each call has its own."""
    return f"{uuid4().hex}@example.org" if name == "email" else example


def _told(document: Document, schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("examples") or resolved(document, schema).get("examples"))


def _replaced(value: Any, place: tuple[str, ...], new: Any) -> Any:
    if not place:
        return new
    return {**(value or {}), place[0]: _replaced((value or {}).get(place[0]), place[1:], new)}
