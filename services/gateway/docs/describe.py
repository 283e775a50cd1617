"""Schemas in words, and examples made from them, for the docs page. Pure functions on parsed JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

# Deeper than any model of this API; recursive ones end here.
DEEPEST = 6
EXAMPLES_BY_FORMAT = {
    "uuid": "0197a2f4-5c1e-7000-8000-000000000000",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "engineer@example.org",
    "uri": "https://example.org/hook",
    "binary": "@samples.csv",
}
EXAMPLES_BY_TYPE: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model, at its depth below the top (0)."""

    name: str
    depth: int
    kind: str
    required: bool
    text: str


class Schemas:
    """Resolves references within one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolve(self, schema: Schema) -> Schema:
        """Follow `$ref`; one that leads nowhere reads as: anything."""
        for _ in range(DEEPEST):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            found: Any = self._document
            for part in reference.removeprefix("#/").split("/"):
                found = found.get(part, {}) if isinstance(found, Mapping) else {}
            schema = found
        return schema

    def kind(self, schema: Schema) -> str:
        """The type in words."""
        if name := _name(schema):
            target = self.resolve(schema)
            return " | ".join(map(str, target["enum"])) if "enum" in target else name
        if "const" in schema:
            return repr(schema["const"])
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return " or ".join(dict.fromkeys(self.kind(option) for option in options))
        if len(schema.get("allOf", ())) == 1:
            return self.kind(schema["allOf"][0])
        if "contentMediaType" in schema or schema.get("format") == "binary":
            return "file"
        kind = schema.get("type", "anything")
        if kind == "array":
            return f"list of {self.kind(schema.get('items', {}))}"
        if isinstance(kind, list):
            return " or ".join(kind)
        return f"{kind} ({schema['format']})" if "format" in schema else str(kind)

    def fields(self, schema: Schema, depth: int = 0) -> Iterator[Field]:
        """The fields of a model and of the models in it, in reading order."""
        target = self._model(schema)
        if target is None or depth >= DEEPEST:
            return
        required = set(target.get("required", ()))
        for name, content in target.get("properties", {}).items():
            yield Field(name, depth, self.kind(content), name in required, _text(content))
            yield from self.fields(content, depth + 1)

    def example(self, schema: Schema, depth: int = 0) -> Any:
        """A value that fits the schema."""
        if "examples" in schema and isinstance(schema["examples"], list) and schema["examples"]:
            return schema["examples"][0]
        for fixed in ("example", "const", "default"):
            if schema.get(fixed) is not None:
                return schema[fixed]
        if "$ref" in schema:
            return self.example(self.resolve(schema), depth)
        for options in (schema.get("anyOf"), schema.get("oneOf"), schema.get("allOf")):
            if options:
                return self.example(options[0], depth)
        if schema.get("enum"):
            return schema["enum"][0]
        if schema.get("type") == "array":
            return [self.example(schema.get("items", {}), depth + 1)] if depth < DEEPEST else []
        if schema.get("type") == "object" or "properties" in schema:
            return self._example_object(schema, depth)
        if "contentMediaType" in schema:
            return EXAMPLES_BY_FORMAT["binary"]
        return EXAMPLES_BY_FORMAT.get(
            str(schema.get("format")), EXAMPLES_BY_TYPE.get(str(schema.get("type")))
        )

    def _example_object(self, schema: Schema, depth: int) -> dict[str, Any]:
        if depth >= DEEPEST:
            return {}
        properties = schema.get("properties", {})
        # What must be sent, and else the first field, so that a change of something is shown.
        shown = list(schema.get("required", ())) or list(properties)[:1]
        return {name: self.example(properties.get(name, {}), depth + 1) for name in shown}

    def _model(self, schema: Schema) -> Schema | None:
        """The model in a schema: itself, its items, or its first option that is one."""
        target = self.resolve(schema)
        if "properties" in target:
            return target
        if "items" in target:
            return self._model(target["items"])
        for option in (*target.get("anyOf", ()), *target.get("oneOf", ()), *target.get("allOf", ())):
            if (found := self._model(option)) is not None:
                return found
        return None


def _name(schema: Schema) -> str | None:
    reference = schema.get("$ref")
    return reference.rpartition("/")[2] if isinstance(reference, str) else None


def _text(schema: Schema) -> str:
    bounds = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minLength": "length at least {}",
        "maxLength": "length at most {}",
        "minItems": "items: at least {}",
        "maxItems": "items: at most {}",
        "default": "default {}",
    }
    described = str(schema.get("description", ""))
    limits = [
        text.format(json.dumps(schema[name])) for name, text in bounds.items() if schema.get(name) is not None
    ]
    return "; ".join(filter(None, (described, ", ".join(limits))))
