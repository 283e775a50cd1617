"""Tokens that must not pass for access tokens, by what is wrong with them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import OKPKey, RSAKey

from shared.tokens import ALGORITHM, AUDIENCE, CLOCK_LEEWAY_SECONDS, ISSUER, TOKEN_TYPE

SOON = 900
LONG_AGO = CLOCK_LEEWAY_SECONDS + 60
# Still in the future, beyond what the verifier forgives, however long it takes to send all forgeries.
FAR_AHEAD = CLOCK_LEEWAY_SECONDS + 3_600
ELSEWHERE = "https://attacker.example/jwks.json"
# Enough to be refused anywhere, and little enough to be sent a hundred times.
HUGE = 20_000


def claims(now: float, **changes: Any) -> dict[str, Any]:
    """What auth would say of a user; a change to `...` leaves the claim out."""
    all_claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "email": "mallory@example.org",
        "name": "Mallory",
        "memberships": [{"organization_id": str(uuid4()), "role": "owner"}],
        "iat": int(now),
        "exp": int(now) + SOON,
    } | changes
    return {name: value for name, value in all_claims.items() if value is not ...}


def signed(key: Any, payload: Mapping[str, Any] | str, algorithm: str = ALGORITHM, **header: Any) -> str:
    """A compact JWS; what the library would refuse to write is signed all the same."""
    wanted = {"alg": algorithm, "kid": key.kid, "typ": TOKEN_TYPE} | header
    chosen = {name: value for name, value in wanted.items() if value is not ...}
    text = payload if isinstance(payload, str) else json.dumps(payload)
    signing = f"{encoded(chosen)}.{encoded(text)}"
    signature = jws.JWSRegistry(algorithms=[algorithm]).get_alg(algorithm).sign(signing.encode(), key)
    return f"{signing}.{_base64(signature)}"


def encoded(value: Any) -> str:
    return _base64((value if isinstance(value, str) else json.dumps(value)).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forgeries(key: OKPKey, now: float) -> dict[str, str]:
    """`key` is the one that signs; the attacker knows its public half, and the good tokens it signed."""
    return {
        **dict(_unsigned(key, now)),
        **dict(_with_public_key(key, now)),
        **dict(_with_own_key(key, now)),
        **dict(_altered(key, now)),
        **dict(_signed_for_other_ends(key, now)),
        **dict(_malformed(key, now)),
    }


def _unsigned(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    payload = encoded(claims(now))
    for alg in ("none", "None", "NONE", "nOnE", "", None):
        header = encoded({"alg": alg, "kid": key.kid, "typ": TOKEN_TYPE})
        yield f"alg {alg!r} without a signature", f"{header}.{payload}."
        yield f"alg {alg!r} with some signature", f"{header}.{payload}.AAAA"
    yield "no alg at all", f"{encoded({'kid': key.kid, 'typ': TOKEN_TYPE})}.{payload}."
    twice = f'{{"alg":"{ALGORITHM}","alg":"none","kid":"{key.kid}","typ":"{TOKEN_TYPE}"}}'
    yield "two algs", f"{encoded(twice)}.{payload}."


def _with_public_key(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    """What everybody can read, taken for a shared secret."""
    public = key.as_dict(private=False)
    secrets = {
        "raw": base64.urlsafe_b64decode(str(public["x"]) + "=="),
        "base64": str(public["x"]).encode(),
        "PEM": key.as_pem(private=False),
        "JWK": json.dumps(public).encode(),
        "nothing": b"",
    }
    for alg, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
        signing = f"{encoded({'alg': alg, 'kid': key.kid, 'typ': TOKEN_TYPE})}.{encoded(claims(now))}"
        for form, secret in secrets.items():
            mac = hmac.new(secret, signing.encode(), digest).digest()
            yield f"{alg} with the public key as {form}", f"{signing}.{_base64(mac)}"


def _with_own_key(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    mine = OKPKey.generate_key("Ed25519", {"kid": str(key.kid)})
    public = mine.as_dict(private=False)
    headers: dict[str, dict[str, Any]] = {
        "another key under the same id": {},
        "kid unknown": {"kid": str(uuid4())},
        "kid missing": {"kid": ...},
        "kid null": {"kid": None},
        "kid a number": {"kid": 0},
        "kid a list": {"kid": [key.kid]},
        "kid empty": {"kid": ""},
        "kid a path": {"kid": "../../../../../dev/null"},
        "kid a URL": {"kid": ELSEWHERE},
        "kid SQL": {"kid": "x' UNION SELECT 'AAAA' --"},
        "kid with U+0000": {"kid": f"{key.kid}\0"},
        "jwk in the header": {"jwk": public},
        "jwk alone in the header": {"jwk": public, "kid": ...},
        "jku in the header": {"jku": ELSEWHERE},
        "x5u in the header": {"x5u": ELSEWHERE},
        "x5c in the header": {"x5c": [base64.b64encode(b"certificate").decode()]},
    }
    for name, header in headers.items():
        yield name, signed(mine, claims(now), **header)
    rsa = RSAKey.generate_key(2048, {"kid": str(key.kid)})
    yield "RS256 with a key of its own", signed(rsa, claims(now), "RS256")


def _altered(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    """A good token, changed after it was signed."""
    payload = claims(now)
    header, _, signature = signed(key, payload).split(".")
    others = [{"organization_id": str(uuid4()), "role": "owner"}]
    yield "memberships altered", f"{header}.{encoded(payload | {'memberships': others})}.{signature}"
    yield "expiry altered", f"{header}.{encoded(payload | {'exp': int(now) + 10**6})}.{signature}"
    doubled = json.dumps(payload)[:-1] + f', "memberships": {json.dumps(others)}}}'
    yield "memberships twice", f"{header}.{encoded(doubled)}.{signature}"
    yield "signature cut off", f"{header}.{encoded(payload)}.{signature[:40]}"
    yield (
        "signature of another token",
        f"{header}.{encoded(payload)}.{signed(key, claims(now)).split('.')[2]}",
    )
    yield "no signature", f"{header}.{encoded(payload)}"
    yield "empty signature", f"{header}.{encoded(payload)}."
    yield "payload left out", f"{header}..{signature}"


def _signed_for_other_ends(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    """Auth's own key has signed them, but they are no access tokens that are good now, or here."""
    wrong_claims: dict[str, dict[str, Any]] = {
        "expired": {"iat": int(now) - 2 * SOON, "exp": int(now) - LONG_AGO},
        "not valid yet": {"nbf": int(now) + FAR_AHEAD},
        "issued in the future": {"iat": int(now) + FAR_AHEAD},
        "for another audience": {"aud": "another-api"},
        "for other audiences": {"aud": ["another-api", "and-another"]},
        "by another issuer": {"iss": "https://attacker.example"},
        "without an expiry": {"exp": ...},
        "with an expiry in words": {"exp": "never"},
        "with an endless expiry": {"exp": float("inf")},
        "with a role that there is not": {
            "memberships": [{"organization_id": str(uuid4()), "role": "emperor"}]
        },
        "without memberships": {"memberships": ...},
        "with a subject that is no user": {"sub": "admin"},
    }
    for name, changes in wrong_claims.items():
        yield name, signed(key, claims(now, **changes))
    wrong_headers: dict[str, dict[str, Any]] = {
        "typ missing": {"typ": ...},
        "typ JWT": {"typ": "JWT"},
        "typ of an ID token": {"typ": "id+jwt"},
        "typ a list": {"typ": [TOKEN_TYPE]},
        "crit of something unknown": {"crit": ["x-unknown"], "x-unknown": True},
        "crit of something absent": {"crit": ["exp"]},
        "crit empty": {"crit": []},
        "crit no list": {"crit": "kid"},
        "payload not encoded": {"crit": ["b64"], "b64": False},
    }
    for name, header in wrong_headers.items():
        yield name, signed(key, claims(now), **header)
    for name, text in {
        "claims a list": "[]",
        "claims a text": '"admin"',
        "claims no JSON": "admin",
        "claims NaN": '{"exp": NaN}',
        "claims deep": "[" * 5_000 + "]" * 5_000,
    }.items():
        yield name, signed(key, text)


def _malformed(key: OKPKey, now: float) -> Iterator[tuple[str, str]]:
    good = signed(key, claims(now))
    header, payload, signature = good.split(".")
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    yield "JSON serialization", json.dumps(general)
    yield "five parts", f"{good}.AAAA.AAAA"
    yield "dots", "." * 50
    yield "one part", "x"
    yield "header no JSON", f"AAAA.{payload}.{signature}"
    yield "header a list", f"{encoded([])}.{payload}.{signature}"
    yield "header deep", f"{encoded('[' * 5_000)}.{payload}.{signature}"
    yield "header huge", f"{encoded({'alg': ALGORITHM, 'kid': 'x' * HUGE})}.{payload}.{signature}"
    yield "payload huge", f"{header}.{'A' * HUGE}.{signature}"
    yield "percent signs", "%2e%2e%2f" * 10
    yield "letters of other scripts", "ключ.ключ.ключ"
