"""A fake of the API at the gateway, and a browser that talks to the page."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from babel.support import NullTranslations

from services.web.api.client import ApiClient, Json
from services.web.errors import ApiError
from services.web.layout import texts
from services.web.main import create_app
from services.web.settings import Settings
from shared.settings import InstallationSettings

ORGANIZATION = UUID(int=1)
PLANT = {"id": str(ORGANIZATION), "name": "Plant", "role": "owner"}
ORIGIN = "http://localhost:8000"
HTML = {"Accept": "text/html"}


def access_token(*, expires_in: float = 900, role: str = "owner", organizations: int = 1) -> str:
    """What a page reads of a token: its payload. The number of organizations makes it long."""
    ids = [UUID(int=number + 1) for number in range(organizations)]
    claims = {
        "exp": time.time() + expires_in,
        "email": "ada@example.org",
        "name": "Ada",
        "memberships": [{"organization_id": str(each), "role": role} for each in ids],
    }
    return "h." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".s"


class FakeApi(ApiClient):
    """Answers by method and path; a missing answer is a 404. `calls` are those that were made."""

    def __init__(self, answers: Mapping[tuple[str, str], Any] | None = None) -> None:
        super().__init__("http://gateway", seconds=1)
        self.answers: dict[tuple[str, str], Any] = {
            ("POST", "/auth/login"): {"access_token": access_token(), "refresh_token": "r0"},
            ("POST", "/auth/logout"): {},
            ("GET", "/organizations"): {
                "items": [{"id": str(ORGANIZATION), "name": "Plant", "role": "owner"}]
            },
            **(answers or {}),
        }
        self.calls: list[tuple[str, str, Any]] = []
        self.headers: list[Mapping[str, str]] = []

    async def json(self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None) -> Json:
        path = urlsplit(target).path.removeprefix("/api/v1")
        is_json = headers.get("Content-Type") == "application/json"
        self.calls.append((method, path, json.loads(body) if is_json else body))
        self.headers.append(headers)
        answer = self.answers.get((method, path), ApiError(404, {"detail": "gone", "code": "not-found"}))
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def check(self) -> None:
        return


class Browser:
    """Keeps cookies, sends the origin with forms, and follows nothing."""

    def __init__(self, client: httpx2.AsyncClient, origin: str) -> None:
        self._client = client
        self._origin = origin

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._client.get(path, headers={**HTML, **headers})

    async def post(self, path: str, fields: Mapping[str, Any], **headers: str) -> httpx2.Response:
        return await self._client.post(path, data=fields, headers={**HTML, "Origin": self._origin, **headers})

    async def sign_in(self) -> None:
        answer = await self.post("/sign-in", {"email": "ada@example.org", "password": "secret", "next": "/"})
        assert answer.status_code == 303, answer.text

    @property
    def form_token(self) -> str:
        return next(iter(self.cookies.values())).partition(".")[0]

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self._client.cookies)


@asynccontextmanager
async def browser(
    api: FakeApi,
    *,
    origin: str = ORIGIN,
    settings: Settings | None = None,
    headers: Mapping[str, str] | None = None,
    translations: Callable[[str], NullTranslations] = texts.translations,
) -> AsyncIterator[Browser]:
    app = create_app(InstallationSettings(), settings or Settings(), api, translations)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    scheme, _, host = origin.partition("://")
    # As the gateway sends them.
    seen = {"X-Forwarded-Proto": scheme, "X-Forwarded-Host": host, "X-DInsight-Client": "ticket"} | dict(
        headers or {}
    )
    async with httpx2.AsyncClient(transport=transport, base_url=origin, headers=seen) as client:
        yield Browser(client, origin)
