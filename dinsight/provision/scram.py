"""SCRAM verifiers of PostgreSQL: a role gets one instead of its password.

The server logs statements, and pg_stat_statements keeps them: a password in one can be read there. A verifier
only tells whether a password is right. Its format is that of `pg_authid.rolpassword`; RFC 5802 section 3
defines its keys.
"""

import base64
import hashlib
import hmac
import os
import unicodedata

# PostgreSQL's default (`scram_iterations`).
ITERATIONS = 4096
SALT_BYTES = 16


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, with a new salt unless one is given."""
    salt = salt or os.urandom(SALT_BYTES)
    # Servers and clients prepare passwords by SASLprep, whose effect on printable ones is that of NFKC.
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, ITERATIONS)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server_key = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
