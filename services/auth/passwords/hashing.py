"""Passwords are hashed before they reach the database."""

import base64
import hashlib
import hmac
import unicodedata


class PasswordHasher:
    """Computes a hash keyed with the pepper, which PostgreSQL then hashes with bcrypt.

    The pre-hash always has 44 bytes. bcrypt alone would ignore everything after the 72nd byte of a password.
    """

    def __init__(self, pepper: str, cost: int) -> None:
        self._pepper = pepper.encode()
        self.cost = cost

    def prehash(self, password: str) -> str:
        """base64(HMAC-SHA-256(pepper, password)), after NFKC: keyboards compose characters differently."""
        text = unicodedata.normalize("NFKC", password).encode()
        return base64.b64encode(hmac.digest(self._pepper, text, hashlib.sha256)).decode()
