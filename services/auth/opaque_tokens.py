"""Random tokens that only their hash is kept of."""

import hashlib

TOKEN_BYTES = 32


def token_hash(token: str) -> str:
    """The token has 256 random bits: a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
