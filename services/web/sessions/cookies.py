"""Keeps the session in the browser's cookies: reads it before a request, writes changes with the answer."""

from http.cookies import SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.web.sessions import domain
from services.web.sessions.domain import Place, Session

HOLDER = "dinsight.session"


class SessionHolder:
    """The session of a request. Signing in and refreshing replace it, signing out empties it.

    `device` is what the API gave at the last sign-in with a password from this browser; it outlives the
    session.
    """

    def __init__(self, place: Place, session: Session | None, device: str = "") -> None:
        self.place = place
        self._before = session
        self._device_before = device
        self.session = session
        self.device = device

    @property
    def has_changed(self) -> bool:
        return self.session != self._before

    @property
    def has_new_device(self) -> bool:
        return self.device != self._device_before


class SessionCookies:
    """ASGI middleware. `scope["dinsight.session"]` holds the session of the request."""

    def __init__(self, app: ASGIApp, *, allow_plain_http: bool) -> None:
        self._app = app
        self._allow_plain_http = allow_plain_http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        connection = HTTPConnection(scope)
        place = place_of(connection, allow_plain_http=self._allow_plain_http)
        cookies = connection.cookies
        session = domain.read(cookies, place.cookie) if place.cookie else None
        holder = SessionHolder(place, session, cookies.get(place.device_cookie or "", ""))

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if holder.has_changed:
                    for each in set_cookies(holder, known=frozenset(cookies)):
                        headers.append("Set-Cookie", each)
                if holder.has_new_device and place.device_cookie:
                    kept = cookie(place.device_cookie, holder.device, place, domain.DEVICE_SECONDS)
                    headers.append("Set-Cookie", kept)
            await send(message)

        # In place: the handler of unknown errors stands outside, and reads it too.
        scope[HOLDER] = holder
        await self._app(scope, receive, forward)


def place_of(connection: HTTPConnection, *, allow_plain_http: bool) -> Place:
    """The gateway, the only one who calls the page, says how the browser reached it."""
    headers = connection.headers
    return Place(
        headers.get("X-Forwarded-Proto", connection.scope["scheme"]),
        headers.get("X-Forwarded-Host") or headers.get("Host", ""),
        allow_plain_http,
    )


def set_cookies(holder: SessionHolder, known: frozenset[str]) -> list[str]:
    """The values of Set-Cookie for the session, and for what an earlier, longer one has left."""
    name = holder.place.cookie
    if name is None:
        return []
    chunks = domain.written(holder.session) if holder.session else []
    wanted = {domain.chunk_name(name, number): chunk for number, chunk in enumerate(chunks)}
    left = [each for each in known if (each == name or each.startswith(f"{name}.")) and each not in wanted]
    return [
        *(cookie(each, value, holder.place, domain.MAX_AGE_SECONDS) for each, value in wanted.items()),
        *(cookie(each, "", holder.place, 0) for each in left),
    ]


def cookie(name: str, value: str, place: Place, max_age: int) -> str:
    """Lax: a link in a mail must find its reader signed in. Scripts never see it."""
    jar: SimpleCookie = SimpleCookie()
    jar[name] = value
    morsel = jar[name]
    morsel["path"], morsel["max-age"], morsel["samesite"], morsel["httponly"] = "/", max_age, "Lax", True
    if place.is_encrypted:
        morsel["secure"] = True
    return morsel.OutputString()
