"""Passwords on their way to the database, which never sees them."""

import base64
import hashlib
import hmac
import unicodedata


class PasswordHasher:
    """Keys a hash of the password with the pepper; PostgreSQL's bcrypt works on that hash.

    The pre-hash also gives bcrypt 44 bytes whatever the password's length: it would ignore what follows the
    72nd.
    """

    def __init__(self, pepper: str, cost: int) -> None:
        self._pepper = pepper.encode()
        self.cost = cost

    def prehash(self, password: str) -> str:
        """Give base64(HMAC-SHA-256(pepper, password)). Keyboards compose characters differently: NFKC."""
        text = unicodedata.normalize("NFKC", password).encode()
        return base64.b64encode(hmac.digest(self._pepper, text, hashlib.sha256)).decode()
