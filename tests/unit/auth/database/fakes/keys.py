"""Signing keys in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.auth.keys.domain import SigningKey


@dataclass
class FakeKeys:
    keys: dict[str, SigningKey] = field(default_factory=dict)
    locked: int = 0

    async def lock(self) -> None:
        self.locked += 1

    async def usable(self, now: datetime) -> Sequence[SigningKey]:
        found = [k for k in self.keys.values() if k.verifies_until is None or k.verifies_until > now]
        return sorted(sorted(found, key=lambda k: k.id), key=lambda k: k.signs_from, reverse=True)

    async def add(self, key: SigningKey) -> None:
        self.keys[key.id] = key

    async def retire_others(self, successor: str, verifies_until: datetime) -> None:
        for key in list(self.keys.values()):
            if key.id != successor and key.verifies_until is None:
                self.keys[key.id] = replace(key, verifies_until=verifies_until)

    async def delete_retired(self, now: datetime) -> None:
        self.keys = {
            id_: key
            for id_, key in self.keys.items()
            if key.verifies_until is None or key.verifies_until >= now
        }
