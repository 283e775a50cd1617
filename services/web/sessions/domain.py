"""What a session is, where it may be kept, and how its cookies look."""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

# Browsers keep up to 4,096 bytes of a cookie with its name and attributes.
MAX_CHUNK = 3_800
# Tokens of people with a hundred organizations fit; more headers than that the gateway would refuse.
MAX_CHUNKS = 6
# The browser forgets the session when its refresh token would have expired anyway.
MAX_AGE_SECONDS = 90 * 24 * 3600
# As long as the API knows a device.
DEVICE_SECONDS = 365 * 24 * 3600
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Place:
    """How the browser reached the page: the address in its address bar."""

    scheme: str
    host: str
    # Whether sessions over plain http from other machines are allowed.
    allows_plain_http: bool = False

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """A browser sends these hosts to its own machine only, so nobody on the way can read a session."""
        try:
            return urlsplit(f"//{self.host}").hostname in LOOPBACK
        except ValueError:
            return False

    @property
    def is_exposed(self) -> bool:
        return not self.is_encrypted and not self.is_loopback

    @property
    def cookie(self) -> str | None:
        """The name of the session's cookie; None where no session may be kept."""
        return self._named("session")

    @property
    def device_cookie(self) -> str | None:
        """The name of the cookie that tells a device from which somebody has signed in before."""
        return self._named("device")

    @property
    def flow_cookie(self) -> str | None:
        """The name of the cookie that binds a sign-in at the provider to the browser that began it."""
        return self._named("sign_in_flow")

    @property
    def language_cookie(self) -> str:
        """The name of the cookie with the chosen language, which may be kept anywhere."""
        return self._named("language") or "language"

    def _named(self, what: str) -> str | None:
        """Browsers take the prefix `__Host-` only from this host and over https: no other page can set it.

        Cookies ignore ports: two installations on one machine need different names.
        """
        if self.is_encrypted:
            return f"__Host-{what}"
        if self.is_loopback:
            return f"{what}_local_{urlsplit(f'//{self.host}').port or 80}"
        return f"{what}_plain" if self.allows_plain_http else None


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in visitor. `form_token` proves that a form came from a page of this session."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    form_token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(18))

    @property
    def claims(self) -> Mapping[str, Any]:
        """What the access token says of its user. Not verified: the API verifies it, this only shows it."""
        try:
            payload = self.access_token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (IndexError, ValueError, binascii.Error, RecursionError):
            return {}
        return claims if isinstance(claims, dict) else {}

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch."""
        return float(self.claims.get("exp", 0))

    @property
    def memberships(self) -> Mapping[str, str]:
        """The role in each organization, by the organization's id."""
        return {str(m["organization_id"]): str(m["role"]) for m in self.claims.get("memberships", ())}

    @property
    def barred(self) -> Mapping[str, str]:
        """The organizations that demand more of the sign-in, and what, by their ids."""
        found = self.claims.get("barred")
        return found if isinstance(found, dict) else {}

    def made(self, form_token: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


def written(session: Session) -> list[str]:
    """The values of the cookies that hold the session."""
    text = ".".join((session.form_token, session.refresh_token, session.access_token))
    return [text[start : start + MAX_CHUNK] for start in range(0, len(text), MAX_CHUNK)]


def read(cookies: Mapping[str, str], name: str) -> Session | None:
    """The session in the cookies `name`, `name.1`, `name.2`, ...; None if there is none."""
    chunks: list[str] = []
    while len(chunks) < MAX_CHUNKS and (chunk := cookies.get(chunk_name(name, len(chunks)))) is not None:
        chunks.append(chunk)
    form_token, _, tokens = "".join(chunks).partition(".")
    refresh_token, _, access_token = tokens.partition(".")
    if not (form_token and refresh_token and access_token):
        return None
    session = Session(access_token, refresh_token, form_token)
    return session if _is_readable(session) else None


def _is_readable(session: Session) -> bool:
    """Whether the token says what tokens say: a cookie may hold anything."""
    try:
        _ = session.expires_at, session.memberships
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
    return True


def chunk_name(name: str, number: int) -> str:
    return f"{name}.{number}" if number else name
