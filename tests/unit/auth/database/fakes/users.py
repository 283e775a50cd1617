"""Accounts in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.users.domain import PasswordCheck, User
from shared.http.pages import Cursor, PageRequest, Slice


@dataclass
class FakeUsers:
    users: dict[UUID, User] = field(default_factory=dict)
    passwords: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    wasted: int = 0

    async def add(self, user: User, prehash: str, cost: int) -> bool:
        if await self.by_email(user.email):
            return False
        self.users[user.id] = user
        self.passwords[user.id] = prehash, cost
        return True

    async def add_without_password(self, user: User) -> bool:
        if await self.by_email(user.email):
            return False
        self.users[user.id] = user
        return True

    async def get(self, user_id: UUID) -> User | None:
        return self.users.get(user_id)

    async def by_email(self, email: str) -> User | None:
        return next((user for user in self.users.values() if user.email == email), None)

    async def administrators(self) -> Sequence[User]:
        found = [user for user in self.users.values() if user.role == "admin" and user.is_active]
        return sorted(found, key=lambda user: user.email)

    async def lock(self, user_id: UUID) -> User | None:
        return self.users.get(user_id)

    async def list(self, email: str | None, is_active: bool | None, page: PageRequest) -> Slice[User]:
        found = [
            user
            for user in self.users.values()
            if email in (None, user.email) and is_active in (None, user.is_active)
        ]
        found.sort(key=lambda user: (user.created_at, user.id), reverse=True)
        if page.after:
            found = [user for user in found if (user.created_at, user.id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda user: Cursor(user.created_at, user.id))

    async def set_active(self, user_id: UUID, is_active: bool, now: datetime) -> User | None:
        if user_id in self.users:
            self.users[user_id] = replace(self.users[user_id], is_active=is_active, updated_at=now)
        return self.users.get(user_id)

    async def update(self, user: User) -> None:
        self.users[user.id] = user

    async def check_password(self, user_id: UUID | None, prehash: str, cost: int) -> PasswordCheck:
        if user_id is None or user_id not in self.passwords:
            self.wasted += 1
            return PasswordCheck(matches=False, cost=cost)
        known, known_cost = self.passwords[user_id]
        return PasswordCheck(matches=known == prehash, cost=known_cost)

    async def set_password(self, user_id: UUID, prehash: str, cost: int, now: datetime) -> None:
        self.passwords[user_id] = prehash, cost
        self.users[user_id] = replace(self.users[user_id], updated_at=now)

    async def drop_password(self, user_id: UUID, now: datetime) -> None:
        self.passwords.pop(user_id, None)
        self.users[user_id] = replace(self.users[user_id], updated_at=now)
