"""Starts sessions, and keeps their access tokens fresh."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from services.web.api.client import PREFIX, ApiClient, Json, as_json
from services.web.errors import ApiError, SignedOut
from services.web.sessions.domain import Session

# Longer than a request takes: a token that is valid when a page begins is valid until it has been read.
MIN_VALIDITY_SECONDS = 60.0


class Sessions:
    def __init__(self, api: ApiClient, *, now: Callable[[], float] = time.time) -> None:
        self._api = api
        self._now = now
        self._refreshing: dict[str, asyncio.Task[Json]] = {}

    async def start(
        self, path: str, proof: Json, device: str, headers: Mapping[str, str]
    ) -> tuple[Session, str]:
        """Sign in with a password, or finish with a second factor. Returns what the device is known by, too.

        Raises ApiError.
        """
        pair = await self._post(path, {**proof, **({"device_token": device} if device else {})}, headers)
        return started(pair), str(pair.get("device_token") or device)

    async def resume(self, refresh_token: str, headers: Mapping[str, str]) -> Session:
        """A session for whoever brings its refresh token, which is used up by it. Raises ApiError."""
        return started(await self._post("/auth/refresh", {"refresh_token": refresh_token}, headers))

    async def fresh(self, session: Session, headers: Mapping[str, str], *, force: bool = False) -> Session:
        """The session with an access token that is valid for a while. Raises SignedOut, ApiError.

        Requests of one page arrive at once: the first refreshes, and the others wait for it.
        """
        if not force and session.expires_at - self._now() > MIN_VALIDITY_SECONDS:
            return session
        token = session.refresh_token
        task = self._refreshing.get(token)
        if task is None:
            task = asyncio.create_task(self._post("/auth/refresh", {"refresh_token": token}, headers))
            self._refreshing[token] = task
            task.add_done_callback(lambda _: self._refreshing.pop(token, None))
        try:
            # A visitor who leaves must not cancel what the others wait for.
            pair = await asyncio.shield(task)
        except ApiError as error:
            if error.status == 401:
                raise SignedOut from error
            raise
        return replace(
            session, access_token=str(pair["access_token"]), refresh_token=str(pair["refresh_token"])
        )

    async def end(self, session: Session, headers: Mapping[str, str]) -> None:
        """Raises ApiError."""
        await self._post("/auth/logout", {"refresh_token": session.refresh_token}, headers)

    async def _post(self, path: str, body: Json, headers: Mapping[str, str]) -> Json:
        sent = {**headers, "Content-Type": "application/json"}
        return await self._api.json("POST", PREFIX + path, headers=sent, body=as_json(body))


def started(pair: Json) -> Session:
    """A new session with the tokens of a sign-in."""
    return Session(str(pair["access_token"]), str(pair["refresh_token"]))
