"""Random tokens, of which only the hash is stored."""

import hashlib

TOKEN_BYTES = 32


def token_hash(token: str) -> str:
    """A plain hash is enough: tokens have 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
