"""Client of the OpenID Connect provider: discovery, keys, exchange of codes, verification of ID tokens."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
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
from joserfc.jwk import KeySet

from services.auth.errors import ProviderRefused, ProviderUnavailable
from services.auth.oidc.domain import NONCE, VERIFIER, ProviderIdentity, derive
from services.auth.oidc.keys import public_keys
from shared.clock import Clock

SCOPES = "openid email profile"
# Asymmetric algorithms only: with HS256, anyone who has the public key of the provider could sign.
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
MAX_RESPONSE_BYTES = 1024 * 1024
MAX_AGE = timedelta(hours=1)
# An unknown key may be a new one: fetch the keys again, but not for every forged token.
MIN_KEYS_INTERVAL = timedelta(seconds=10)
# The method that stands for several factors (RFC 8176).
MULTI_FACTOR = "mfa"
MAX_SUBJECT_LENGTH = 255
MAX_NAME_LENGTH = 255

Json = Mapping[str, Any]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """The configuration of the operator."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str
    # What its ID tokens must say: one of these contexts, and all of these methods.
    required_acr: Sequence[str] = ()
    required_amr: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Discovery:
    authorization: str
    token: str
    keys: str
    user_info: str | None
    secret_in_body: bool


class Provider:
    """Usable while `open`. Discovery document and keys are cached for an hour."""

    def __init__(self, access: ProviderAccess, clock: Clock) -> None:
        self.access = access
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._discovery: tuple[datetime, _Discovery] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._session = session
            yield
        self._session = None

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Where to send the browser to sign in."""
        discovery = await self._discovered()
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
        if self.access.required_acr:
            parameters["acr_values"] = " ".join(self.access.required_acr)
        separator = "&" if "?" in discovery.authorization else "?"
        return discovery.authorization + separator + urlencode(parameters)

    async def identify(self, code: str, secret: str) -> ProviderIdentity:
        """Exchange the code of the flow with this secret, and verify the ID token.

        Raises ProviderRefused if either is invalid, ProviderUnavailable if the provider does not respond.
        """
        discovery = await self._discovered()
        answer = await self._exchange(discovery, code, derive(secret, VERIFIER))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("the provider returned no ID token")
        claims = await self._verified(discovery, token, derive(secret, NONCE))
        if "email" not in claims and discovery.user_info is not None:
            info = await self._user_info(discovery.user_info, answer, claims["sub"])
            # Whoever names the address says whether it is verified.
            claims = {**{name: claims[name] for name in claims if name != "email_verified"}, **info}
        self._check_strength(claims)
        return self._identity(claims)

    def _check_strength(self, claims: Json) -> None:
        """Raises ProviderRefused unless the user was authenticated as the operator demands."""
        wanted = self.access.required_acr
        if wanted and claims.get("acr") not in wanted:
            raise ProviderRefused("the provider did not authenticate you with the required strength (acr)")
        if missing := sorted(set(self.access.required_amr) - _methods(claims)):
            raise ProviderRefused(
                f"the provider did not use the required methods (amr): {', '.join(missing)}"
            )

    async def _exchange(self, discovery: _Discovery, code: str, verifier: str) -> Json:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.access.redirect_url,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if discovery.secret_in_body:
            form |= {"client_id": self.access.client_id, "client_secret": self.access.client_secret}
        else:
            # RFC 6749, 2.3.1: both are encoded like form fields first.
            pair = f"{quote(self.access.client_id, safe='')}:{quote(self.access.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._ask("POST", discovery.token, "the provider rejected the code", form, headers)

    async def _user_info(self, url: str, answer: Json, subject: str) -> Json:
        headers = {"Authorization": f"Bearer {answer.get('access_token', '')}", "Accept": "application/json"}
        info = await self._ask("GET", url, "the provider did not return the account", None, headers)
        if info.get("sub") != subject:
            raise ProviderRefused("the provider returned a different account")
        return {name: info[name] for name in ("email", "email_verified", "name") if name in info}

    async def _verified(self, discovery: _Discovery, token: str, nonce: str) -> Json:
        keys = await self._current_keys(discovery, MAX_AGE)
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                keys = await self._current_keys(discovery, MIN_KEYS_INTERVAL)
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
            raise ProviderRefused("the ID token is not valid") from error
        # OpenID Connect Core, 3.1.3.7: a token with several audiences must name the authorized party.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.access.client_id:
            raise ProviderRefused("the ID token is for a different application")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MAX_SUBJECT_LENGTH:
            raise ProviderRefused("the ID token is not valid")
        return claims

    def _identity(self, claims: Json) -> ProviderIdentity:
        # Some providers send the boolean as a string.
        if claims.get("email_verified") not in (True, "true"):
            raise ProviderRefused("the provider has not verified the e-mail address of the account")
        try:
            found = validate_email(
                str(claims.get("email", "")), check_deliverability=False, globally_deliverable=False
            )
        except EmailNotValidError:
            raise ProviderRefused("the provider returned no valid e-mail address") from None
        email = found.normalized.lower()
        name = "".join(c for c in str(claims.get("name") or "") if c.isprintable()).strip()[:MAX_NAME_LENGTH]
        return ProviderIdentity(
            self.access.issuer,
            claims["sub"],
            email,
            name or email.partition("@")[0],
            is_multi_factor=MULTI_FACTOR in _methods(claims) or bool(self.access.required_acr),
        )

    async def _discovered(self) -> _Discovery:
        now = self._clock.now()
        if self._discovery is None or now - self._discovery[0] > MAX_AGE:
            url = self.access.issuer.rstrip("/") + "/.well-known/openid-configuration"
            self._discovery = now, self._read(await self._ask("GET", url))
        return self._discovery[1]

    def _read(self, document: Json) -> _Discovery:
        if document.get("issuer") != self.access.issuer:
            raise ProviderUnavailable(
                "the issuer in the discovery document differs from DINSIGHT_AUTH_OIDC_ISSUER"
            )
        wanted = {
            name: document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        user_info = document.get("userinfo_endpoint")
        # With an https issuer, secrets must not be sent over http. An http issuer is the operator's choice.
        schemes = ("https", "http") if self.access.issuer.startswith("http:") else ("https",)
        for name, url in {**wanted, **({"userinfo_endpoint": user_info} if user_info else {})}.items():
            if not isinstance(url, str) or urlsplit(url).scheme not in schemes:
                raise ProviderUnavailable(f"the discovery document has no valid {name}")
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Discovery(
            authorization=str(wanted["authorization_endpoint"]),
            token=str(wanted["token_endpoint"]),
            keys=str(wanted["jwks_uri"]),
            user_info=user_info,
            secret_in_body="client_secret_basic" not in methods,
        )

    async def _current_keys(self, discovery: _Discovery, max_age: timedelta) -> KeySet:
        now = self._clock.now()
        if self._keys is None or now - self._keys[0] > max_age:
            self._keys = now, public_keys(await self._ask("GET", discovery.keys))
        return self._keys[1]

    async def _ask(
        self,
        method: str,
        url: str,
        refusal: str | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Return a JSON object. A 4xx raises ProviderRefused if `refusal` is given, anything else
        ProviderUnavailable.
        """
        if self._session is None:
            raise ProviderUnavailable("the service is starting")
        try:
            async with self._session.request(
                method, url, data=form, headers=headers, allow_redirects=False
            ) as response:
                body = await _limited(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("provider unreachable", url=url, error=f"{type(error).__name__}: {error}")
            raise ProviderUnavailable("the provider does not respond") from error
        if refusal is not None and 400 <= response.status < 500:
            # The body is not logged: it may repeat what was sent.
            logger.warning("provider refused", url=url, status=response.status)
            raise ProviderRefused(refusal)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if response.status != 200 or not isinstance(found, dict):
            logger.warning("unexpected response from the provider", url=url, status=response.status)
            raise ProviderUnavailable("the provider sent an unexpected response")
        return found


def _methods(claims: Json) -> set[str]:
    """The authentication methods of the sign-in there (`amr`, RFC 8176)."""
    listed = claims.get("amr")
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            raise ProviderUnavailable("the response of the provider is too large")
    return bytes(body)
