"""A small OpenID Connect provider on a free loopback port, which a test can make do everything wrong."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "dinsight", "s3cret/with:signs"


@dataclass
class SigningIn:
    """What the provider remembers of a browser that was sent to it."""

    nonce: str
    challenge: str
    redirect_url: str
    claims: dict[str, Any]


@dataclass
class FakeProvider:
    """`claims` are put into ID tokens over the right ones; one that is None is left out."""

    url: str = ""
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] | None = None
    auth_methods: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    key: RSAKey | ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}))
    # Makes the ID token from the claims; the default signs as it should.
    make_token: Any = None
    down: bool = False
    codes: dict[str, SigningIn] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            return web.Response(status=502, text="<html>down</html>")
        handlers = {
            "/.well-known/openid-configuration": self.describe,
            "/jwks": self.jwks,
            "/token": self.token,
            "/userinfo": self.info,
        }
        return await handlers[request.path](request)

    async def describe(self, _request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer or self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": self.auth_methods,
        }
        if self.user_info is not None:
            document["userinfo_endpoint"] = f"{self.url}/userinfo"
        return web.json_response(document)

    async def jwks(self, _request: web.Request) -> web.Response:
        keys: dict[str, Any] = dict(KeySet([self.key]).as_dict(private=False))
        # A set may hold what this platform does not know or must not verify with.
        others: list[Any] = [
            {"kty": "new", "kid": "n"},
            OctKey.generate_key(256, {"kid": "shared"}).as_dict(),
        ]
        return web.json_response({"keys": [*others, *keys["keys"]]})

    async def info(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer opaque"
        return web.json_response(self.user_info)

    def sign_in(self, place: str, **claims: Any) -> dict[str, str]:
        """What a person does at the provider; gives the query that the browser comes back with."""
        asked = dict(parse_qsl(urlsplit(place).query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"].split() == ["openid", "email", "profile"]
        code = secrets.token_urlsafe()
        redirect_url = asked["redirect_uri"]
        self.codes[code] = SigningIn(asked["nonce"], asked["code_challenge"], redirect_url, claims)
        return {"code": code, "state": asked["state"]}

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self._knows_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        flow = self.codes.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if flow is None or flow.challenge != challenge or flow.redirect_url != form["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        answer: dict[str, Any] = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
        answer["id_token"] = (self.make_token or self.signed)(self._claims(flow))
        return web.json_response(answer)

    def _knows_client(self, request: web.Request, form: Any) -> bool:
        if "client_secret_basic" in self.auth_methods:
            kind, _, encoded = request.headers["Authorization"].partition(" ")
            assert kind == "Basic"
            client, _, secret = base64.b64decode(encoded).decode().partition(":")
            pair = (unquote(client), unquote(secret))
        else:
            pair = (str(form["client_id"]), str(form["client_secret"]))
        return pair == (CLIENT_ID, CLIENT_SECRET)

    def _claims(self, flow: SigningIn) -> dict[str, Any]:
        now = int(time.time())
        right: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "person-1",
            "nonce": flow.nonce,
            "iat": now,
            "exp": now + 300,
            "email": "Ada@Example.org",
            "email_verified": True,
            "name": "Ada Engineer",
        }
        merged = right | self.claims | flow.claims
        return {name: value for name, value in merged.items() if value is not None}

    def signed(self, claims: dict[str, Any]) -> str:
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, claims, self.key, algorithms=[algorithm])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeProvider"]:
        runner = web.AppRunner(self.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()
