"""The keys that sign access tokens: created once for all replicas, published and rotated."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from services.auth.database.unit import Unit, Units
from services.auth.keys.domain import SigningKey
from shared.access import Scope
from shared.clock import Clock
from shared.crypto import Encryptor
from shared.errors import Unavailable
from shared.tokens import ALGORITHM, CLOCK_LEEWAY_SECONDS, KEYS_FRESH_SECONDS

PURPOSE = "auth.signing_keys.private_jwk"
# A key created by another replica is known within this time.
RELOAD_AFTER = timedelta(minutes=1)
# By then every service has fetched the new key.
PUBLISH_AHEAD = 2 * timedelta(seconds=KEYS_FRESH_SECONDS)


class KeyRing:
    """Provides the signing key and the verification keys. Opens its own transactions."""

    def __init__(
        self,
        units: Units,
        clock: Clock,
        encryptor: Encryptor,
        *,
        key_lifetime: timedelta,
        token_lifetime: timedelta,
    ) -> None:
        self._units = units
        self._clock = clock
        self._encryptor = encryptor
        self._key_lifetime = key_lifetime
        self._token_lifetime = token_lifetime
        self._lock = asyncio.Lock()
        self._keys: Sequence[SigningKey] = ()
        self._read_at: datetime | None = None
        self._private_keys: dict[str, OKPKey] = {}

    async def public(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) of all keys that verify now or soon."""
        return {"keys": [dict(key.public_jwk) for key in await self._current()]}

    async def published(self) -> Mapping[str, Any]:
        """The same for a TokenVerifier, which expects OSError if the keys are unavailable."""
        try:
            return await self.public()
        except Unavailable as error:
            raise OSError(error.detail) from error

    async def signing(self) -> OKPKey:
        """The current signing key. Raises Unavailable."""
        keys = await self._current()
        now = self._clock.now()
        newest = next((key for key in keys if key.signs_from <= now), None)
        if newest is None:
            raise Unavailable("No signing key is valid yet. Check the clocks of the servers.")
        return self._private_key(newest)

    async def check(self) -> None:
        """Readiness probe: raise if no token can be signed."""
        await self.signing()

    async def maintain(self) -> None:
        """Create the first key, or a successor once the newest key is old; delete retired keys."""
        async with self._units(Scope()) as unit:
            await unit.keys.lock()
            now = self._clock.now()
            await unit.keys.delete_retired(now)
            keys = await unit.keys.usable(now)
            if not keys:
                await unit.keys.add(self._new_key(now, signs_from=now))
            elif now - keys[0].created_at >= self._key_lifetime:
                await self._rotate(unit, now)
        self._read_at = None

    async def _rotate(self, unit: Unit, now: datetime) -> None:
        key = self._new_key(now, signs_from=now + PUBLISH_AHEAD)
        last_token_expires = (
            key.signs_from + self._token_lifetime + RELOAD_AFTER + timedelta(seconds=CLOCK_LEEWAY_SECONDS)
        )
        await unit.keys.add(key)
        await unit.keys.retire_others(key.id, last_token_expires)

    async def _current(self) -> Sequence[SigningKey]:
        async with self._lock:
            now = self._clock.now()
            if self._read_at is None or now - self._read_at > RELOAD_AFTER:
                self._keys = await self._read(now)
                self._read_at = now
            return self._keys

    async def _read(self, now: datetime) -> Sequence[SigningKey]:
        async with self._units(Scope()) as unit:
            keys = await unit.keys.usable(now)
            if keys:
                return keys
            # On the very first start one replica creates the key; the others wait and find it.
            await unit.keys.lock()
            keys = await unit.keys.usable(now)
            if keys:
                return keys
            key = self._new_key(now, signs_from=now)
            await unit.keys.add(key)
            return [key]

    def _new_key(self, now: datetime, *, signs_from: datetime) -> SigningKey:
        pair = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM})
        key_id = pair.thumbprint()
        private = json.dumps(dict(pair.as_dict(private=True)) | {"kid": key_id})
        return SigningKey(
            id=key_id,
            public_jwk=dict(pair.as_dict(private=False)) | {"kid": key_id},
            private_jwk=self._encryptor.encrypt(private, purpose=PURPOSE),
            created_at=now,
            signs_from=signs_from,
            verifies_until=None,
        )

    def _private_key(self, key: SigningKey) -> OKPKey:
        if key.id not in self._private_keys:
            private = self._encryptor.decrypt(key.private_jwk, purpose=PURPOSE)
            self._private_keys[key.id] = OKPKey.import_key(json.loads(private))
        return self._private_keys[key.id]
