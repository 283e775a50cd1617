"""Merges the services' OpenAPI documents into one: pure functions on parsed JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from services.gateway import routing

Document = Mapping[str, Any]
Names = Mapping[tuple[str, str], str]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
OPENAPI_VERSION = "3.1.0"
REF_PREFIX = "#/components/"
TITLE = "DInsight"
DESCRIPTION = (
    "Predictive maintenance: upload a machine's normal samples, monitor later ones, and get anomalies with"
    " explanations, and alerts.\n\n"
    "Sign in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer ...`."
    " Programs send an API key as `X-API-Key` instead. Errors are RFC 9457 problems. Lists return"
    ' `{"items": [...], "next_cursor": ...}`; send `next_cursor` as `cursor` to get the next page.'
    " Every list can be had as CSV with `Accept: text/csv`; without `limit`, the file has all rows that"
    " match. Unknown query parameters are refused."
)
TAGS: Mapping[str, str] = {
    "administration": "Administrators of the installation end access: of accounts, organizations, sessions.",
    "account": "The signed-in user: profile, password, sessions, and invitations to accept.",
    "alert budget": "How many alerts a night may bring, and which rules spend that.",
    "alert rules": "Conditions that open alerts, and who is notified.",
    "alerts": "Open and resolved alerts, with their deliveries.",
    "deliveries": "Attempts to tell somebody of an alert, and the timeline of an alert.",
    "contact points": "Named ways to reach somebody: mail, webhooks, chat services, roles, rotations.",
    "rotations": "Who is on call when.",
    "silences": "Alerts that notify nobody for a while.",
    "maintenance windows": "When machines are maintained, once or again and again.",
    "opt-outs": "Mail that somebody does not want.",
    "acknowledgements": "Links that acknowledge an alert without a sign-in.",
    "analyses": "Uploads of samples, their analyses, and the map positions and features of each sample.",
    "anomalies": "Samples outside a machine's normal range, each with the features that explain it.",
    "api-keys": "Credentials for programs.",
    "feeds": "An organization's own events, for its own systems.",
    "deletions": "Certificates of deletions: what went, in which service.",
    "audit": "Who did what and when.",
    "configs": "Versions of the analysis parameters.",
    "baselines": "The versions of a machine's baseline: which of them judges, and how they differ.",
    "health": "A machine's state, wear and trend.",
    "machines": "The registry of an organization's equipment.",
    "organizations": "Organizations, their members, and invitations to them.",
    "quotas": "What an organization uses of what the installation allows it.",
    "rule templates": "Alert rules for many machines: one for each that a template selects, kept in step.",
    "sign-in": "Registration, sign-in, tokens and forgotten passwords.",
    "sources": "Places that are watched for a machine's files.",
    "stream": "Live events.",
}


def merge(documents: Mapping[str, Document], *, shared_components: Document) -> dict[str, Any]:
    """One document of the operations of all services; `documents` are given by service name.

    Components with the same name and content are merged; those with the same name and different content are
    prefixed with the service's name. `shared_components` always keep their names. A path is taken only from
    the service that the routing table sends it to.
    """
    names = _names(documents, shared_components)
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    for section, entries in shared_components.items():
        components.setdefault(section, {}).update(entries)
    for service, document in documents.items():
        renamed = _renamer({key[1]: name for key, name in names.items() if key[0] == service})
        for section, entries in _components(document).items():
            for name, content in entries.items():
                key = f"{section}/{name}"
                final = names.get((service, key), key).partition("/")[2]
                components.setdefault(section, {}).setdefault(final, renamed(content))
        for path, item in document.get("paths", {}).items():
            if _routed_to(path) in (service, None):
                paths.setdefault(path, {}).update(renamed(item))
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": TITLE, "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in _tags(paths)],
        "paths": dict(sorted(paths.items())),
        "components": {section: dict(sorted(entries.items())) for section, entries in components.items()},
    }


def _routed_to(path: str) -> str | None:
    rule = routing.find(path)
    return rule.service.value if rule else None


def _components(document: Document) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = document.get("components", {})
    return found


def _names(documents: Mapping[str, Document], shared_components: Document) -> Names:
    """New names (`section/name`) of conflicting components, by service and old name."""
    taken = {"": shared_components} | {name: _components(document) for name, document in documents.items()}
    conflicting: set[str] = set()
    while True:
        # Equal components conflict too if they refer to components that conflict.
        found = conflicting | _conflicts(taken, conflicting)
        if found == conflicting:
            break
        conflicting = found
    return {
        (service, key): f"{key.partition('/')[0]}/{service.title()}{key.partition('/')[2]}"
        for service, sections in taken.items()
        if service
        for key in _keys(sections)
        if key in conflicting
    }


def _conflicts(taken: Mapping[str, Mapping[str, Mapping[str, Any]]], conflicting: set[str]) -> set[str]:
    seen: dict[str, tuple[str, Any]] = {}
    found: set[str] = set()
    for owner, sections in taken.items():
        for key, content in _keys(sections).items():
            _, first = seen.setdefault(key, (owner, content))
            if first != content or (seen[key][0] != owner and _references(content) & conflicting):
                found.add(key)
    return found


def _keys(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"{section}/{name}": entry for section, entries in sections.items() for name, entry in entries.items()
    }


def _references(node: Any) -> set[str]:
    if isinstance(node, Mapping):
        own = node.get("$ref")
        mine = {own.removeprefix(REF_PREFIX)} if isinstance(own, str) else set()
        return mine.union(*(_references(child) for child in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(_references(child) for child in node))
    return set()


def _renamer(names: Mapping[str, str]) -> Callable[[Any], Any]:
    """A copier that rewrites references, in `$ref` and in the mapping of a discriminator."""

    def moved(text: str) -> str:
        key = text.removeprefix(REF_PREFIX)
        return REF_PREFIX + names[key] if text.startswith(REF_PREFIX) and key in names else text

    def copy(node: Any) -> Any:
        if isinstance(node, Mapping):
            # A media type's `itemSchema` belongs to OpenAPI 3.2; its `schema` says the same.
            left_out = {"itemSchema"} if "schema" in node else set()
            return {key: copy(child) for key, child in node.items() if key not in left_out}
        if isinstance(node, list):
            return [copy(child) for child in node]
        return moved(node) if isinstance(node, str) else node

    return copy


def _tags(paths: Mapping[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for item in paths.values():
        for method in METHODS:
            for tag in item.get(method, {}).get("tags", ()):
                found[tag] = None
    return sorted(found)
