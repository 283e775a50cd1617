"""Prints /metrics of a service after one request, with every instrument of the code used once.

A program of its own, because a process has one meter provider for its whole life.
"""

import ast
import asyncio
import base64
import sys
from collections.abc import Iterator

import httpx2
from opentelemetry import metrics
from pydantic import SecretStr

from services.machines.main import create_app
from services.machines.settings import Settings
from shared.observability.setup import set_up
from shared.settings import InstallationSettings
from tests.unit.deploy.programs import ROOT

KINDS = {
    "create_gauge": "set",
    "create_counter": "add",
    "create_up_down_counter": "add",
    "create_histogram": "record",
}


def instruments() -> Iterator[tuple[str, str, str]]:
    """Kind, name and unit of every instrument that the code creates."""
    for package in ("shared", "services", "dinsight"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    kind = node.func.attr
                    if kind.startswith("create_") and kind in KINDS:
                        name, unit = (ast.literal_eval(argument) for argument in node.args[:2])
                        yield kind, name, unit


async def main() -> None:
    set_up("machines", log_level="ERROR", log_format="json")
    meter = metrics.get_meter("dinsight.test")
    for kind, name, unit in instruments():
        getattr(getattr(meter, kind)(name, unit, "A description."), KINDS[kind])(1)
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/nothing")
    keys = SecretStr("test:" + base64.b64encode(bytes(32)).decode())
    installation = InstallationSettings.model_construct(encryption_keys=keys)
    app = create_app(installation, Settings.model_construct(database_url=nowhere))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://machines") as client:
        await client.get("/openapi.json")
        sys.stdout.write((await client.get("/metrics")).text)


if __name__ == "__main__":
    asyncio.run(main())
