"""The keys of an OpenID Connect provider."""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey, RSAKey


def public_keys(document: Mapping[str, Any]) -> KeySet:
    """The keys that can verify a signature; all others, including unknown types, are ignored."""
    keys: list[Any] = []
    listed = document.get("keys")
    for entry in listed if isinstance(listed, list) else ():
        try:
            key = JWKRegistry.import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey) and entry.get("use", "sig") == "sig":
            keys.append(key)
    return KeySet(keys)
