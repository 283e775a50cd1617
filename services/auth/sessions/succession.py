"""The successor of a refresh token, sealed so that only whoever holds the token can read it.

Two tabs, or a client whose response was lost, repeat a token within seconds. They must get the same
successor: with one each, the first to be rotated would make the others look stolen.
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PURPOSE = b"auth.refresh_tokens.sealed_successor"
# A token seals one successor in its life, so its key never encrypts twice.
NONCE = bytes(12)


def seal(token: str, successor: str) -> bytes:
    return AESGCM(_key(token)).encrypt(NONCE, successor.encode(), PURPOSE)


def unseal(token: str, sealed: bytes) -> str | None:
    """The successor; None if it was sealed with another token."""
    try:
        return AESGCM(_key(token)).decrypt(NONCE, sealed, PURPOSE).decode()
    except InvalidTag:
        return None


def _key(token: str) -> bytes:
    # Tokens have 256 random bits: a plain hash is a key. The stored hash of the token is another one.
    return hashlib.sha256(PURPOSE + b"|" + token.encode("utf-8", "replace")).digest()
