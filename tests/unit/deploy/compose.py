"""The Compose file as Compose reads it: anchors merged, variables put in."""

import re
from collections.abc import Mapping
from importlib import util
from typing import Any

import yaml

from tests.unit.deploy.programs import ROOT

INTERPOLATION = re.compile(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}")


def example() -> str:
    return (ROOT / "deploy" / "compose.env.example").read_text(encoding="utf-8")


def parse_environment(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def fresh_environment() -> dict[str, str]:
    """What `deploy/new_env.py` prints."""
    spec = util.spec_from_file_location("new_env", ROOT / "deploy" / "new_env.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return parse_environment(module.filled(example()))


def raw(name: str = "docker-compose.yml") -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return document


def interpolate(node: Any, environment: Mapping[str, str]) -> Any:
    """The subset of Compose's rules that the file uses: `${A}`, `${A:-default}`, `${A:?error}`."""
    if isinstance(node, dict):
        return {key: interpolate(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolate(value, environment) for value in node]
    return INTERPOLATION.sub(lambda m: _value(m, environment), node) if isinstance(node, str) else node


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(match["name"], "")
    if not value and match["operator"] == ":?":
        raise KeyError(f"{match['name']} is needed")
    return value or (match["rest"] or "")


def compose() -> dict[str, Any]:
    document: dict[str, Any] = interpolate(raw(), fresh_environment())
    return document


def names_used(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set().union(*(names_used(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(names_used(value) for value in node))
    return {match["name"] for match in INTERPOLATION.finditer(node)} if isinstance(node, str) else set()
