"""The auth service on a real database and broker, and its users."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from pydantic import SecretStr

from services.auth.main import create_app
from services.auth.settings import Settings
from shared.settings import InstallationSettings
from tests.integration.auth.mailbox import Mailbox
from tests.support.installation import TestDatabase
from tests.support.service import running

PASSWORD, PEPPER = "correct horse battery", "pepper of the tests, long enough"


def auth_settings(database: TestDatabase, **overrides: Any) -> Settings:
    """With the cheapest bcrypt, because the tests are not about its cost."""
    values: dict[str, Any] = {
        "database_url": SecretStr(database.dsn("auth")),
        "password_pepper": SecretStr(PEPPER),
        "bcrypt_cost": 4,
    }
    return Settings(**values | overrides)


@dataclass
class Person:
    """A user with an account."""

    api: httpx2.AsyncClient
    email: str
    id: UUID
    organization_id: UUID
    password: str = PASSWORD
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def sign_in(self, **headers: str) -> None:
        body = {"email": self.email, "password": self.password}
        response = await self.api.post("/api/v1/auth/login", json=body, headers=headers)
        assert response.status_code == 200, response.text
        self.tokens = response.json()

    async def refresh(self) -> httpx2.Response:
        body = {"refresh_token": self.tokens["refresh_token"]}
        return await self.api.post("/api/v1/auth/refresh", json=body)

    async def get(self, path: str, **parameters: Any) -> Any:
        response = await self.api.get(f"/api/v1{path}", headers=self.headers, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    async def send(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        return await self.api.request(method, f"/api/v1{path}", headers=self.headers, json=body)


async def register(api: httpx2.AsyncClient, *, organization: str | None = "Plant") -> Person:
    """A new user, signed in."""
    email = f"{uuid4().hex}@example.org"
    body = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer"}
    response = await api.post("/api/v1/auth/register", json=body | {"organization_name": organization})
    assert response.status_code == 201, response.text
    founded = response.json()["organization"]
    person = Person(
        api, email, UUID(response.json()["user"]["id"]), UUID(founded["id"]) if founded else UUID(int=0)
    )
    await person.sign_in()
    return person


@pytest.fixture(scope="package")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Mailbox:
    """Where the mail of the service arrives."""
    return Mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="package")
async def api(
    installation: InstallationSettings, database: TestDatabase, mailbox: Mailbox
) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(installation, auth_settings(database, mail_url=mailbox.url))
    async with running(app, installation) as client:
        yield client


@pytest.fixture
async def person(api: httpx2.AsyncClient) -> Person:
    return await register(api)
