"""Devices that an account was signed in from before: guesses from elsewhere do not slow them down.

A device keeps a signed token and shows it with its next sign-in. It opens nothing: it only gives the device
a count of failures of its own (OWASP, Slow Down Online Guessing Attacks with Device Cookies).
"""

import hashlib
import hmac
from datetime import timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from shared.clock import Clock, IdGenerator

PURPOSE = b"auth.device_tokens"
ALGORITHM = "HS256"
# Whether the sign-in had a second factor. Tokens of earlier versions do not say so: they count as without.
FACTOR_CLAIM = "factor"
# Renewed by every sign-in.
LIFETIME = timedelta(days=365)


class Devices:
    def __init__(self, secret: str, clock: Clock, new_id: IdGenerator) -> None:
        """`secret` is the pepper, from which a key of its own is derived."""
        self._key = OctKey.import_key(hmac.digest(secret.encode(), PURPOSE, hashlib.sha256))
        self._clock = clock
        self._new_id = new_id

    def issue(self, account: str, *, factor: bool = False) -> str:
        """A token for the device that has just signed in to the account, or even proved its second factor."""
        expires_at = int((self._clock.now() + LIFETIME).timestamp())
        claims = {
            "sub": _name(account),
            "jti": str(self._new_id()),
            "exp": expires_at,
            FACTOR_CLAIM: factor,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def known(self, account: str, token: str | None, *, factor: bool = False) -> str | None:
        """The id of the device; None unless it has signed in to this account before.

        With `factor`, that sign-in must have had a second factor.
        """
        try:
            claims = jwt.decode(token or "", self._key, algorithms=[ALGORITHM]).claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                sub={"essential": True, "value": _name(account)},
                exp={"essential": True},
            ).validate(claims)
            if factor and claims.get(FACTOR_CLAIM) is not True:
                return None
            return str(claims["jti"])
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


def _name(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()
