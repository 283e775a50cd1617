"""The OpenID Connect provider: its description, its keys, the exchange of a code, and its ID tokens."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import structlog
from email_validator import EmailNotValidError, validate_email
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey, RSAKey

from services.auth.errors import ProviderAway, ProviderRefused
from services.auth.oidc.domain import NONCE, VERIFIER, Named, derived
from shared.clock import Clock

SCOPES = "openid email profile"
# Asymmetric ones alone: with HS256 anybody who has the provider's public key could sign.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
LEEWAY_SECONDS = 30
TIMEOUT = aiohttp.ClientTimeout(total=10)
LARGEST_ANSWER_BYTES = 1024 * 1024
FRESH = timedelta(hours=1)
# A token under an unknown key may be the first under a new one; ask again, but not at everybody's word.
KEYS_RETRY = timedelta(seconds=10)
LONGEST_SUBJECT = 255
LONGEST_NAME = 255

Json = Mapping[str, Any]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """What the operator sets."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str


@dataclass(frozen=True, slots=True)
class _Description:
    authorization: str
    token: str
    keys: str
    user_info: str | None
    secret_in_body: bool


class Provider:
    """Usable while `open`. Its description and its keys are kept for an hour."""

    def __init__(self, access: ProviderAccess, clock: Clock) -> None:
        self.access = access
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._description: tuple[datetime, _Description] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._session = session
            yield
        self._session = None

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Where the browser goes to sign in."""
        described = await self._described()
        parameters = {
            "response_type": "code",
            "client_id": self.access.client_id,
            "redirect_uri": self.access.redirect_url,
            "scope": SCOPES,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in described.authorization else "?"
        return described.authorization + joint + urlencode(parameters)

    async def identify(self, code: str, secret: str) -> Named:
        """Exchange the code of the flow with this secret, and read the ID token.

        Raises ProviderRefused when either is not right, ProviderAway when that cannot be told.
        """
        described = await self._described()
        answer = await self._exchange(described, code, derived(secret, VERIFIER))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("it gave no ID token")
        claims = await self._verified(described, token, derived(secret, NONCE))
        if "email" not in claims and described.user_info is not None:
            claims = {**await self._user_info(described.user_info, answer, claims["sub"]), **claims}
        return self._named(claims)

    async def _exchange(self, described: _Description, code: str, verifier: str) -> Json:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.access.redirect_url,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if described.secret_in_body:
            form |= {"client_id": self.access.client_id, "client_secret": self.access.client_secret}
        else:
            # RFC 6749, 2.3.1: both are encoded like form fields first.
            pair = f"{quote(self.access.client_id, safe='')}:{quote(self.access.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._ask("POST", described.token, "it does not accept the code", form, headers)

    async def _user_info(self, url: str, answer: Json, subject: str) -> Json:
        headers = {"Authorization": f"Bearer {answer.get('access_token', '')}", "Accept": "application/json"}
        info = await self._ask("GET", url, "it does not tell about the account", None, headers)
        if info.get("sub") != subject:
            raise ProviderRefused("it told about another account")
        return {name: info[name] for name in ("email", "email_verified", "name") if name in info}

    async def _verified(self, described: _Description, token: str, nonce: str) -> Json:
        keys = await self._current_keys(described, FRESH)
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                keys = await self._current_keys(described, KEYS_RETRY)
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            claims: Json = decoded.claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self.access.issuer},
                aud={"essential": True, "value": self.access.client_id},
                nonce={"essential": True, "value": nonce},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderRefused("its ID token is not valid") from error
        # OpenID Connect Core, 3.1.3.7: a token for several must name the one that it was made for.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.access.client_id:
            raise ProviderRefused("its ID token is for another application")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
            raise ProviderRefused("its ID token is not valid")
        return claims

    def _named(self, claims: Json) -> Named:
        # Some providers write the boolean as a word.
        if claims.get("email_verified") not in (True, "true"):
            raise ProviderRefused("it has not verified the account's e-mail address")
        try:
            found = validate_email(
                str(claims.get("email", "")), check_deliverability=False, globally_deliverable=False
            )
        except EmailNotValidError:
            raise ProviderRefused("it gave no e-mail address") from None
        email = found.normalized.lower()
        name = "".join(c for c in str(claims.get("name") or "") if c.isprintable()).strip()[:LONGEST_NAME]
        return Named(self.access.issuer, claims["sub"], email, name or email.partition("@")[0])

    async def _described(self) -> _Description:
        now = self._clock.now()
        if self._description is None or now - self._description[0] > FRESH:
            url = self.access.issuer.rstrip("/") + "/.well-known/openid-configuration"
            self._description = now, self._read(await self._ask("GET", url))
        return self._description[1]

    def _read(self, document: Json) -> _Description:
        if document.get("issuer") != self.access.issuer:
            raise ProviderAway("its description names another issuer than DINSIGHT_AUTH_OIDC_ISSUER")
        wanted = {
            name: document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        user_info = document.get("userinfo_endpoint")
        # A provider on https does not send secrets over http; one on http is the operator's own choice.
        schemes = ("https", "http") if self.access.issuer.startswith("http:") else ("https",)
        for name, url in {**wanted, **({"userinfo_endpoint": user_info} if user_info else {})}.items():
            if not isinstance(url, str) or urlsplit(url).scheme not in schemes:
                raise ProviderAway(f"its description has no usable {name}")
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Description(
            authorization=str(wanted["authorization_endpoint"]),
            token=str(wanted["token_endpoint"]),
            keys=str(wanted["jwks_uri"]),
            user_info=user_info,
            secret_in_body="client_secret_basic" not in methods,
        )

    async def _current_keys(self, described: _Description, fresh: timedelta) -> KeySet:
        now = self._clock.now()
        if self._keys is None or now - self._keys[0] > fresh:
            self._keys = now, _public_keys(await self._ask("GET", described.keys))
        return self._keys[1]

    async def _ask(
        self,
        method: str,
        url: str,
        refusal: str | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """A JSON object. A 4xx is a refusal where one is named; every other trouble is the provider's."""
        if self._session is None:
            raise ProviderAway("it cannot be asked yet")
        try:
            async with self._session.request(
                method, url, data=form, headers=headers, allow_redirects=False
            ) as response:
                body = await _limited(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("provider does not answer", url=url, error=f"{type(error).__name__}: {error}")
            raise ProviderAway("it does not answer") from error
        if refusal is not None and 400 <= response.status < 500:
            # The body says why, also when it is our client id or secret; it may repeat what was sent.
            logger.warning("provider refuses", url=url, status=response.status)
            raise ProviderRefused(refusal)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if response.status != 200 or not isinstance(found, dict):
            logger.warning("provider answers strangely", url=url, status=response.status)
            raise ProviderAway("it does not answer as it should")
        return found


def _public_keys(document: Json) -> KeySet:
    """The keys that can verify a signature; others in the set, also of kinds yet unknown, are left out."""
    keys: list[Any] = []
    listed = document.get("keys")
    for entry in listed if isinstance(listed, list) else ():
        try:
            key = JWKRegistry.import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey) and entry.get("use", "sig") == "sig":
            keys.append(key)
    return KeySet(keys)


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            raise ProviderAway("its answer is too large")
    return bytes(body)
