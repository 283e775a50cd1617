"""Writes the documents that are generated from the code: `python -m docs.generate`, or `--check` in CI.

docs/openapi.json and docs/asyncapi.json are whole files; docs/security.md holds the matrix of roles between
two markers. Every application is built and none is started, so no server is needed.
"""

import argparse
import base64
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from docs.merge import merge
from services.gateway.routing import Service
from shared.access import MIN_ROLE, Permission, Role
from shared.events.asyncapi import build_document
from shared.http.problems import problem_schemas
from shared.settings import InstallationSettings

DOCS = Path(__file__).parent
MATRIX_BEGINS = "<!-- The matrix is written by `python -m docs.generate`. -->\n"
MATRIX_ENDS = "<!-- The end of the matrix. -->\n"
# Placeholders for settings without a default. Nothing connects, and no document contains them.
SECRETS = {
    "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/nothing"),
    "password_pepper": SecretStr("no pepper, only its place"),
}


def application(service: str) -> FastAPI:
    """A service's application with default settings, whatever the environment says."""
    settings: type[BaseSettings] = import_module(f"services.{service}.settings").Settings
    needed = {name: value for name, value in SECRETS.items() if name in settings.model_fields}
    key = base64.b64encode(bytes(32)).decode()
    installation = InstallationSettings.model_construct(
        storage_url="memory:///", encryption_keys=SecretStr(f"none:{key}")
    )
    create_app = import_module(f"services.{service}.main").create_app
    app: FastAPI = create_app(installation, settings.model_construct(None, **needed))
    return app


def openapi() -> dict[str, Any]:
    """The document that the gateway serves: every operation of every service."""
    documents = {name: application(name).openapi() for name in (*Service, "gateway")}
    return merge(documents, shared_components={"schemas": problem_schemas()})


def asyncapi() -> dict[str, Any]:
    return build_document()


def role_matrix() -> str:
    """A Markdown table of the permissions of each role."""
    roles = sorted(Role)
    lines = [
        "| permission | " + " | ".join(role.label for role in roles) + " |",
        "| --- |" + " --- |" * len(roles),
    ]
    for permission in Permission:
        marks = ("yes" if role >= MIN_ROLE[permission] else "" for role in roles)
        lines.append(f"| `{permission}` | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def with_matrix(page: str) -> str:
    """The page with a new matrix between its markers."""
    before, begins, rest = page.partition(MATRIX_BEGINS)
    _, ends, after = rest.partition(MATRIX_ENDS)
    if not begins or not ends:
        raise ValueError(f"the page lacks a marker: {MATRIX_BEGINS!r} ... {MATRIX_ENDS!r}")
    return before + begins + "\n" + role_matrix() + "\n" + ends + after


def plain_json(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def documents() -> Iterator[tuple[Path, str]]:
    """Each generated file and its content."""
    yield DOCS / "asyncapi.json", plain_json(asyncapi())
    yield DOCS / "openapi.json", plain_json(openapi())
    security = DOCS / "security.md"
    yield security, with_matrix(security.read_text(encoding="utf-8"))


def main(arguments: Sequence[str], documents: Callable[[], Iterable[tuple[Path, str]]] = documents) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    check = parser.parse_args(arguments).check
    stale = [(path, content) for path, content in documents() if read(path) != content]
    for path, content in stale:
        if check:
            print(f"docs/{path.name} is outdated: run `make docs` and commit the result", file=sys.stderr)
        else:
            path.write_text(content, encoding="utf-8")
            print(f"wrote docs/{path.name}")
    if not stale:
        print("the generated documents are up to date")
    return 1 if check and stale else 0


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
