"""The routes, topics and tables in the code of a service, for the comparison with its README."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import Route

from shared import ended
from shared.events.base import Topic
from shared.jobs.schema import jobs_schema
from shared.settings import InstallationSettings
from tests.unit.architecture.source import ROOT, python_files, tree

BULLET = re.compile(r"^- `(?P<name>[^`]+)`", re.MULTILINE)
CREATE_TABLE = re.compile(r"\bCREATE TABLE (?:IF NOT EXISTS )?(?P<name>[a-z_]+)(?! PARTITION OF)\b")
OPERATIONS = ("/health/", "/metrics")
PARAMETER = r"{\w+(:\w+)?}"
# 32 bytes in base64. Nothing is encrypted with them.
KEYS = "test:" + "A" * 43 + "="


def listed(service: str, heading: str) -> list[str]:
    """The bullets under a heading of the README of a service."""
    text = (ROOT / "services" / service / "README.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"services/{service}/README.md has no heading {heading}"
    return [bullet["name"] for bullet in BULLET.finditer(rest.split("\n## ", 1)[0])]


def application(service: str) -> FastAPI:
    """The application of a service, built but not started, so that nothing is connected."""
    main = importlib.import_module(f"services.{service}.main")
    settings = importlib.import_module(f"services.{service}.settings").Settings
    given: dict[str, Any] = {
        "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"),
        "password_pepper": SecretStr("a pepper of tests only"),
    }
    wanted = {name: value for name, value in given.items() if name in settings.model_fields}
    installation = InstallationSettings(encryption_keys=SecretStr(KEYS), storage_url="memory:///")
    app: FastAPI = main.create_app(installation, settings(**wanted))
    return app


def routes(service: str) -> set[str]:
    """`METHOD /path` of all public operations."""
    app = application(service)
    if service == "gateway":
        return {
            f"{method} {route.path}"
            for route in _flat(app.routes)
            for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
            if not route.path.startswith(OPERATIONS)
        }
    paths = app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def addresses(service: str) -> list[str]:
    """`METHOD /path` of every route, without the names of parameters, which make no difference."""
    return [
        f"{method} {re.sub(PARAMETER, '{}', route.path)}"
        for route in _flat(list(application(service).routes))
        for method in route.methods or ()
    ]


def _flat(found: list[Any]) -> list[Route]:
    """All routes, including those of included routers."""
    flat: list[Route] = []
    for route in found:
        if isinstance(route, Route):
            flat.append(route)
        elif (inner := getattr(route, "routes", None)) is not None:
            flat += _flat(list(inner))
        elif (router := getattr(route, "original_router", None)) is not None:
            flat += _flat(list(router.routes))
    return flat


class _Anything:
    """Replaces the collaborators of handlers."""

    def __getattr__(self, _name: str) -> "_Anything":
        return self


class _Recorder:
    """Replaces a consumer, and records the subscriptions."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def on(self, topic: Topic[Any], _handler: object, **_options: object) -> None:
        self.topics.add(topic.name)


def consumed(service: str) -> set[str]:
    return handled(service) | _followed(service)


def _followed(service: str) -> set[str]:
    """The topics that a program reads without a group, to know whose access has ended."""
    main = ROOT / "services" / service / "main.py"
    return {topic.name for topic in ended.TOPICS} if "ended_feed.loop" in main.read_text("utf-8") else set()


def handled(service: str) -> set[str]:
    if service == "gateway":
        return {topic.name for topic in importlib.import_module("services.gateway.stream.handlers").TOPICS}
    handlers = importlib.import_module(f"services.{service}.handlers")
    recorder = _Recorder()
    subscribing = [
        function
        for name, function in vars(handlers).items()
        if name.startswith("subscribe") and inspect.isfunction(function)
    ]
    assert subscribing
    for function in subscribing:
        others = len(inspect.signature(function).parameters) - 1
        function(recorder, *(_Anything() for _ in range(others)))
    return recorder.topics


def published(service: str) -> set[str]:
    """The topics that the code of a service passes to an outbox."""
    found: set[str] = set()
    for path in python_files(f"services/{service}"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and _adds_to_outbox(node.func):
                found.add(_topic(path, node.args[0]))
    return found


def _adds_to_outbox(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    holder = function.value
    name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
    return function.attr in ("add", "add_all") and str(name).endswith("outbox")


def _topic(path: Path, node: ast.expr) -> str:
    assert isinstance(node, ast.Name), f"{path}:{node.lineno}: name the topic where it is published"
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    topic = getattr(module, node.id)
    assert isinstance(topic, Topic)
    return topic.name


def tables(service: str) -> set[str]:
    """The tables that the migrations of a service create, without partitions."""
    found: set[str] = set()
    for path in python_files(f"services/{service}/migrations"):
        text = (ROOT / path).read_text(encoding="utf-8")
        if "jobs_schema(" in text:
            text += jobs_schema(service)
        found |= {
            match["name"]
            for match in CREATE_TABLE.finditer(text)
            if not text[match.end() :].lstrip().startswith("PARTITION OF")
        }
    return found
