"""Accounts and their password hashes."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.users.domain import PasswordCheck, User
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(User))


class UserRepository(Protocol):
    """`prehash` is the keyed hash of a password (see `passwords/hashing.py`); `cost` is bcrypt's."""

    async def add(self, user: User, prehash: str, cost: int) -> bool:
        """Add the account; False if the address is taken."""
        ...

    async def add_without_password(self, user: User) -> bool:
        """Add an account without a password; False if the address is taken."""
        ...

    async def get(self, user_id: UUID) -> User | None: ...

    async def by_email(self, email: str) -> User | None: ...

    async def administrators(self) -> Sequence[User]:
        """The active administrators of the installation."""
        ...

    async def lock(self, user_id: UUID) -> User | None:
        """The account, locked until the transaction ends."""
        ...

    async def list(self, email: str | None, is_active: bool | None, page: PageRequest) -> Slice[User]:
        """All accounts, newest first; None filters nothing."""
        ...

    async def set_active(self, user_id: UUID, is_active: bool, now: datetime) -> User | None:
        """Return the changed account; None if there is none, or it was deleted."""
        ...

    async def update(self, user: User) -> None: ...

    async def check_password(self, user_id: UUID | None, prehash: str, cost: int) -> PasswordCheck:
        """Compare with the stored hash; without an account, do the same work."""
        ...

    async def set_password(self, user_id: UUID, prehash: str, cost: int, now: datetime) -> None: ...

    async def drop_password(self, user_id: UUID, now: datetime) -> None:
        """Remove the password, until a new one is set."""
        ...


class PostgresUserRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, user: User, prehash: str, cost: int) -> bool:
        row = await self._queries.insert_user(self._connection, **asdict(user), prehash=prehash, cost=cost)
        return row is not None

    async def add_without_password(self, user: User) -> bool:
        row = await self._queries.insert_user_without_password(self._connection, **asdict(user))
        return row is not None

    async def get(self, user_id: UUID) -> User | None:
        return _user(await self._queries.get_user(self._connection, id=user_id))

    async def by_email(self, email: str) -> User | None:
        return _user(await self._queries.get_user_by_email(self._connection, email=email))

    async def administrators(self) -> Sequence[User]:
        rows = [row async for row in self._queries.list_administrators(self._connection)]
        return [User(**{name: row[name] for name in COLUMNS}) for row in rows]

    async def lock(self, user_id: UUID) -> User | None:
        return _user(await self._queries.get_user_for_update(self._connection, id=user_id))

    async def list(self, email: str | None, is_active: bool | None, page: PageRequest) -> Slice[User]:
        rows = self._queries.list_users(
            self._connection,
            email=email,
            is_active=is_active,
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        users = [user async for row in rows if (user := _user(row))]
        return Slice.cut(users, page.limit, lambda user: Cursor(user.created_at, user.id))

    async def set_active(self, user_id: UUID, is_active: bool, now: datetime) -> User | None:
        row = await self._queries.set_user_active(self._connection, id=user_id, is_active=is_active, now=now)
        return _user(row)

    async def update(self, user: User) -> None:
        await self._queries.update_user(self._connection, **asdict(user))

    async def check_password(self, user_id: UUID | None, prehash: str, cost: int) -> PasswordCheck:
        if user_id is None:
            await self._queries.waste_password_check(self._connection, prehash=prehash, cost=cost)
            return PasswordCheck(matches=False, cost=cost)
        row = await self._queries.check_password(self._connection, id=user_id, prehash=prehash, cost=cost)
        if row is None:
            return PasswordCheck(matches=False, cost=cost)
        return PasswordCheck(matches=row["matches"], cost=row["cost"] or cost)

    async def set_password(self, user_id: UUID, prehash: str, cost: int, now: datetime) -> None:
        await self._queries.set_password(self._connection, id=user_id, prehash=prehash, cost=cost, now=now)

    async def drop_password(self, user_id: UUID, now: datetime) -> None:
        await self._queries.drop_password(self._connection, id=user_id, now=now)


def _user(row: asyncpg.Record | None) -> User | None:
    return None if row is None else User(**{name: row[name] for name in COLUMNS})
