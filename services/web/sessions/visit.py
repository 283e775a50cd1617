"""One request of a visitor: who they are, the API on their behalf, and the language they read."""

from collections.abc import AsyncIterator, Awaitable, Container, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import aiohttp
from starlette.datastructures import FormData
from starlette.requests import Request

from services.web.api.client import PREFIX, ApiClient, Json, as_json
from services.web.errors import ApiError, ForeignForm, SignedOut, SignInTooWeak, UnknownPage
from services.web.sessions.cookies import HOLDER, SessionHolder
from services.web.sessions.domain import Session
from services.web.sessions.service import Sessions
from shared.access import Role

# The gateway's signature of the browser's address, which goes back with every call.
CLIENT = "X-DInsight-Client"
PASSED_ON = ("User-Agent", "Accept-Language")
FORM_TOKEN, FORM_TOKEN_HEADER = "form_token", "X-Form-Token"
MAX_FIELDS = 1_000
# What is simply not there (yet): no run, no baseline, an archived analysis.
MISSING = (404, 409, 422)
# Whatever is wrong with something that a page can do without.
ANY_PROBLEM = range(400, 600)


class Visit:
    def __init__(
        self, request: Request, api: ApiClient, sessions: Sessions, organization_id: UUID | None
    ) -> None:
        self.request = request
        self._api = api
        self._sessions = sessions
        self.organization_id = organization_id

    @property
    def holder(self) -> SessionHolder:
        holder: SessionHolder = self.request.scope[HOLDER]
        return holder

    @property
    def session(self) -> Session | None:
        return self.holder.session

    @property
    def role(self) -> str:
        """The visitor's role in the organization of the page; empty outside one."""
        memberships = self.session.memberships if self.session else {}
        return memberships.get(str(self.organization_id), "")

    def may(self, role: str) -> bool:
        """Whether the role is at least `role`. The API decides; this only spares people a refusal."""
        return bool(self.role) and Role.parse(self.role) >= Role.parse(role)

    @property
    def is_partial(self) -> bool:
        """Whether only a part of the page is asked for: a filter was changed, or an event has arrived."""
        return self.request.headers.get("HX-Request-Type") == "partial"

    @property
    def client_headers(self) -> dict[str, str]:
        """What the API may know of the browser."""
        names = (CLIENT, *PASSED_ON)
        return {name: value for name in names if (value := self.request.headers.get(name)) is not None}

    async def get(self, path: str, **query: Any) -> Json:
        """A JSON object. Query parameters that are None or empty are not sent. Raises ApiError, SignedOut."""
        return await self._call("GET", target(path, query))

    async def post(self, path: str, body: object = None, **query: Any) -> Json:
        return await self._call("POST", target(path, query), body)

    async def upload(
        self, path: str, fields: Mapping[str, str], file: tuple[str, bytes], *, key: str
    ) -> Json:
        """Send a form with a file, which is taken once for each `key`. Raises ApiError, SignedOut."""
        form = aiohttp.MultipartWriter("form-data", boundary=key)
        for name, value in fields.items():
            form.append(value).set_content_disposition("form-data", name=name)
        form.append(file[1]).set_content_disposition("form-data", name="files", filename=file[0])
        headers = {"Content-Type": form.content_type, "Idempotency-Key": key}
        sent = {**await self._headers(), **headers}
        return await self._api.json("POST", PREFIX + target(path), headers=sent, body=await form.as_bytes())

    async def patch(self, path: str, body: object) -> Json:
        return await self._call("PATCH", target(path), body)

    async def delete(self, path: str, **query: Any) -> Json:
        return await self._call("DELETE", target(path, query))

    async def open(
        self,
        method: str,
        encoded: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: AsyncIterator[bytes] | None = None,
    ) -> aiohttp.ClientResponse:
        """The API's response as it comes, for what is passed on in pieces; the caller closes it."""
        sent = {**await self._headers(), **(headers or {})}
        answer = await self._api.request(method, PREFIX + encoded, headers=sent, body=body)
        if answer.status == 401:
            # As in `_call`. A body that was sent is gone: the visitor gets the 401, and the next try has the
            # new token.
            await self.renew()
            if body is None:
                answer.close()
                sent = {**await self._headers(), **(headers or {})}
                answer = await self._api.request(method, PREFIX + encoded, headers=sent)
        return answer

    async def anonymously(self, method: str, path: str, body: object = None) -> Json:
        """A call that needs no session."""
        return await self._json(method, target(path), self.client_headers, body)

    async def sign_in(self, email: str, password: str) -> None:
        """Raises ApiError."""
        await self._enter("/auth/login", {"email": email, "password": password})

    async def finish_sign_in(self, proof: Json) -> None:
        """With the second factor. Raises ApiError."""
        await self._enter("/auth/second-factor", proof)

    async def _enter(self, path: str, proof: Json) -> None:
        holder = self.holder
        holder.session, holder.device = await self._sessions.start(
            path, proof, holder.device, self.client_headers
        )

    async def resume(self, refresh_token: str) -> None:
        """Raises ApiError."""
        self.holder.session = await self._sessions.resume(refresh_token, self.client_headers)

    async def sign_out(self) -> None:
        session, self.holder.session = self.session, None
        if session is not None:
            await self._sessions.end(session, self.client_headers)

    async def renew(self) -> None:
        """Get an access token that knows the visitor's current memberships."""
        await self._fresh(force=True)

    def check_origin(self) -> None:
        """Raises ForeignForm for a form of another site. Browsers send the origin with every form."""
        if self.request.headers.get("Origin") != self.holder.place.origin:
            raise ForeignForm

    async def form(self) -> FormData:
        """The fields of a form of ours. Raises ForeignForm."""
        self.check_origin()
        fields = await self.request.form(max_files=0, max_fields=MAX_FIELDS)
        if self.session is not None:
            shown = self.request.headers.get(FORM_TOKEN_HEADER) or fields.get(FORM_TOKEN)
            self.check_form_token(shown if isinstance(shown, str) else "")
        return fields

    def check_form_token(self, shown: str) -> None:
        """Raises ForeignForm."""
        if self.session is None or not self.session.made(shown):
            raise ForeignForm

    def _required(self) -> Session:
        if self.session is None:
            raise SignedOut
        return self.session

    async def _fresh(self, *, force: bool = False) -> Session:
        """The session with a valid access token. One that has ended leaves the browser. Raises SignedOut."""
        try:
            session = await self._sessions.fresh(self._required(), self.client_headers, force=force)
        except SignedOut:
            self.holder.session = None
            raise
        self.holder.session = session
        return session

    async def _headers(self) -> dict[str, str]:
        session = await self._fresh()
        if self.organization_id is not None and str(self.organization_id) not in session.memberships:
            if str(self.organization_id) in session.barred:
                raise SignInTooWeak
            raise UnknownPage(self.request.url.path)
        headers = {**self.client_headers, "Authorization": f"Bearer {session.access_token}"}
        if self.organization_id is not None:
            headers["X-Organization-Id"] = str(self.organization_id)
        return headers

    async def _call(self, method: str, encoded: str, body: object = None) -> Json:
        try:
            try:
                return await self._json(method, encoded, await self._headers(), body)
            except ApiError as error:
                if error.status != 401:
                    raise
                # Rights have changed, or the session was ended elsewhere: a new token tells which.
                await self.renew()
                return await self._json(method, encoded, await self._headers(), body)
        except ApiError as error:
            if error.status == 401:
                self.holder.session = None
                raise SignedOut from error
            raise

    async def _json(self, method: str, encoded: str, headers: Mapping[str, str], body: object) -> Json:
        sent = dict(headers)
        content = None
        if body is not None:
            sent["Content-Type"], content = "application/json", as_json(body)
        return await self._api.json(method, PREFIX + encoded, headers=sent, body=content)


async def optional(call: Awaitable[Json], missing: Container[int] = MISSING) -> Json | None:
    """The answer; None for a problem with one of these statuses. Raises ApiError for any other."""
    try:
        return await call
    except ApiError as error:
        if error.status in missing:
            return None
        raise


def target(path: str, query: Mapping[str, Any] | None = None) -> str:
    """The encoded path with its query."""
    given = {name: _text(value) for name, value in (query or {}).items() if value not in (None, "")}
    return quote(path, safe="/") + (f"?{urlencode(given)}" if given else "")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Visitors:
    """Makes the visits of requests."""

    def __init__(self, api: ApiClient, sessions: Sessions) -> None:
        self._api = api
        self._sessions = sessions

    async def anyone(self, request: Request) -> Visit:
        return Visit(request, self._api, self._sessions, None)

    async def member(self, request: Request, organization_id: UUID) -> Visit:
        """A visit of the pages of an organization. Raises SignedOut."""
        visit = Visit(request, self._api, self._sessions, organization_id)
        if visit.session is None:
            raise SignedOut
        return visit

    async def user(self, request: Request) -> Visit:
        """A visit of a page that needs a session and no organization. Raises SignedOut."""
        visit = Visit(request, self._api, self._sessions, None)
        if visit.session is None:
            raise SignedOut
        return visit
