"""The operations of an OpenAPI document, as far as attacks need to know them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ORGANIZATION_HEADER = "x-organization-id"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """`body` is the schema of the request's body, references resolved; `media_type` is what it comes as."""

    id: str
    method: str
    path: str
    secured: bool
    path_names: tuple[str, ...]
    query_ids: tuple[str, ...]
    # The format of each query parameter; empty where it has none.
    query_formats: Mapping[str, str]
    takes_organization: bool
    media_type: str | None
    body: Mapping[str, Any] | None
    streams: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"

    @property
    def writes(self) -> bool:
        return self.method in WRITES

    @property
    def in_organization(self) -> bool:
        """Whether a role decides; the others are about the caller's own account."""
        return self.takes_organization or "organization_id" in self.path_names

    @property
    def is_administration(self) -> bool:
        """For administrators of the installation, whatever organization anything belongs to."""
        return self.path == "/api/v1/users" or self.path.startswith(
            ("/api/v1/installation/", "/api/v1/users/{user_id}")
        )

    def address(self, ids: Mapping[str, str]) -> str:
        return self.path.format_map({name: ids[self.key(name)] for name in self.path_names})

    def key(self, name: str) -> str:
        """What a path parameter is known by among the ids: `{id}` alone takes its collection's address."""
        if self.collection(name).endswith("/baselines"):
            return "baseline_id"
        return f"{self.path.partition('{' + name)[0]}{name}" if name == "id" else name

    def collection(self, name: str) -> str:
        """The address in front of a path parameter, which lists what can stand there."""
        return self.path.partition("/{" + name + "}")[0]


def operations(document: Document) -> list[Operation]:
    return [
        _operation(document, path, method.upper(), described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def resolved(document: Document, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, or what its reference names."""
    found = schema
    while "$ref" in found:
        found = document["components"]["schemas"][found["$ref"].rpartition("/")[2]]
    return found


def body_ids(document: Document, schema: Mapping[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Where ids stand in a body: properties called `..._id`, or that hold a UUID, at any depth."""
    for name, raw in (schema or {}).get("properties", {}).items():
        for each in raw.get("anyOf", (raw,)):
            found = resolved(document, each)
            if name.endswith("_id") or found.get("format") == "uuid":
                yield (name,)
                break
            yield from ((name, *rest) for rest in body_ids(document, found))


def _operation(document: Document, path: str, method: str, described: Mapping[str, Any]) -> Operation:
    parameters = described.get("parameters", ())
    content = described.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        secured=bool(described.get("security")),
        path_names=tuple(p["name"] for p in parameters if p["in"] == "path"),
        query_ids=tuple(
            p["name"]
            for p in parameters
            if p["in"] == "query" and (p["name"].endswith("_id") or p["schema"].get("format") == "uuid")
        ),
        query_formats={p["name"]: _format(p["schema"]) for p in parameters if p["in"] == "query"},
        takes_organization=any(p["name"].lower() == ORGANIZATION_HEADER for p in parameters),
        media_type=media_type,
        body=resolved(document, content[media_type]["schema"]) if media_type else None,
        streams="text/event-stream" in described.get("responses", {}).get("200", {}).get("content", {}),
    )


def _format(schema: Mapping[str, Any]) -> str:
    found: str = schema.get("format", "")
    return found
