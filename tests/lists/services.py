"""The services' applications in this process, and the lists of their common document."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from dinsight.installation import SERVICES
from services.alerting.main import create_app as alerting
from services.alerting.settings import Settings as AlertingSettings
from services.analysis.main import create_app as analysis
from services.analysis.settings import Settings as AnalysisSettings
from services.auth.main import create_app as auth
from services.auth.settings import Settings as AuthSettings
from services.gateway import routing
from services.machines.main import create_app as machines
from services.machines.settings import Settings as MachinesSettings
from shared.http.negotiation import CSV
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.service import started

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
PAGING = ("limit", "cursor")


@dataclass(frozen=True, slots=True)
class ListOperation:
    """An operation of the document that lists pages: `filters` are its other query parameters, by name."""

    id: str
    path: str
    filters: Mapping[str, Mapping[str, Any]]


def lists() -> Sequence[ListOperation]:
    """Every operation that takes a cursor."""
    return list(_lists(json.loads(DOCUMENT.read_text(encoding="utf-8"))))


def _lists(document: Mapping[str, Any]) -> Iterator[ListOperation]:
    for path, item in document["paths"].items():
        operation = item.get("get", {})
        query = {p["name"]: p["schema"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        if "cursor" in query:
            assert CSV in operation["responses"]["200"]["content"], path
            schemas = document["components"]["schemas"]
            filters = {
                name: schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
                for name, schema in query.items()
                if name not in PAGING
            }
            yield ListOperation(operation["operationId"], path, filters)


@dataclass(frozen=True, slots=True)
class Services:
    """Clients of the applications, by service."""

    clients: Mapping[str, httpx2.AsyncClient]

    async def get(self, path: str, headers: Mapping[str, str], **query: Any) -> httpx2.Response:
        rule = routing.find(path)
        assert rule is not None, path
        return await self.clients[rule.service.value].get(path, params=query, headers=dict(headers))


@asynccontextmanager
async def all_services(database: TestDatabase, installation: InstallationSettings) -> AsyncIterator[Services]:
    pepper = SecretStr("a pepper for tests")
    login = {name: SecretStr(database.dsn(name)) for name in SERVICES}
    apps = {
        "auth": auth(installation, AuthSettings(database_url=login["auth"], password_pepper=pepper)),
        "machines": machines(installation, MachinesSettings(database_url=login["machines"])),
        "analysis": analysis(installation, AnalysisSettings(database_url=login["analysis"])),
        "alerting": alerting(installation, AlertingSettings(database_url=login["alerting"])),
    }
    async with AsyncExitStack() as stack:
        # Without waiting for readiness: the auth service has only the test's key, and cannot sign with it.
        clients = {
            name: await stack.enter_async_context(started(app, installation)) for name, app in apps.items()
        }
        yield Services(clients)
