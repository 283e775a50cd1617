"""The import: one transaction on the installation's database, which commits everything or nothing."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from dinsight.administrator import acting_as, connected
from dinsight.legacy_import.announcing import Announcer
from dinsight.legacy_import.checking import Content, contents_of_source, contents_of_target, must_be_equal
from dinsight.legacy_import.copying import copy_table
from dinsight.legacy_import.errors import ImportRefused
from dinsight.legacy_import.tables import TABLES
from shared.clock import Clock, IdGenerator
from shared.postgres.connection import Connection
from shared.postgres.partitions import make_months
from shared.postgres.queries import load_queries

# The same legacy row always becomes the same machine and analysis: ids are derived from this.
NAMESPACE = UUID("6b0f6f4e-6f0e-4d0e-9c55-0d1a51647e6b")
DEFAULT_SLUG = "default"
IMPORT_USER = UUID("6b0f6f4e-6f0e-4d0e-9c55-0d1a51647e6c")
IMPORT_EMAIL = "legacy-import@dinsight.invalid"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a run found and did. `added` counts rows by what they are; all zero means: nothing to do."""

    organization_id: UUID
    organization_name: str
    added: Mapping[str, int]
    source: Mapping[str, Content]
    target: Mapping[str, Content]

    @property
    def changed(self) -> bool:
        return any(self.added.values())


class Takeover:
    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id
        self._queries: Any = load_queries(__file__)
        self._announcer = Announcer(clock, new_id)

    async def run(
        self, legacy_dsn: str, admin_dsn: str, *, organization_name: str, owner_email: str | None = None
    ) -> Imported:
        """Import the legacy database. Raises ImportRefused, with nothing changed; empty months may be left.

        `admin_dsn` must be allowed to act as the owner roles of the services' schemas, as the account that
        provisioned the installation is.
        """
        async with (
            _reached(legacy_dsn) as source,
            _reached(admin_dsn) as target,
            # One moment of the legacy database, however long the copying takes.
            source.transaction(isolation="repeatable_read", readonly=True),
        ):
            await self._must_be_legacy(source)
            await self._must_be_migrated(target)
            await self._make_months(source, target)
            return await self._take_over(source, target, organization_name, owner_email)

    async def _take_over(
        self, source: Connection, target: Connection, organization_name: str, owner_email: str | None
    ) -> Imported:
        async with target.transaction():
            await self._queries.one_at_a_time(target)
            organization_id, name, added = await self._organization(target, organization_name, owner_email)
            for table in TABLES:
                await copy_table(source, target, table)
            added |= await self._import(target, organization_id)
            before = await contents_of_source(source)
            async with acting_as(target, "analysis"):
                after = await contents_of_target(target, organization_id)
            must_be_equal(before, after)
            result = Imported(organization_id, name, added, before, after)
            if result.changed:
                async with acting_as(target, "auth"):
                    await self._announcer.imported(target, organization_id, IMPORT_USER, added)
            return result

    async def _must_be_legacy(self, source: Connection) -> None:
        for table in TABLES:
            rows = self._queries.legacy_columns(source, name=table.name)
            found = {row["name"]: row["type"] async for row in rows}
            if not found:
                raise ImportRefused(
                    f"The legacy database has no table public.{table.name}. Check its address."
                )
            wrong = {
                name: (table.columns.get(name, "no such column"), found.get(name, "missing"))
                for name in {*table.columns, *found}
                if table.columns.get(name) != found.get(name)
            }
            if wrong:
                differences = "; ".join(
                    f"{name}: expected {a}, found {b}" for name, (a, b) in sorted(wrong.items())
                )
                raise ImportRefused(f"public.{table.name} differs from the specification: {differences}.")

    async def _must_be_migrated(self, target: Connection) -> None:
        missing = [row["wanted"] async for row in self._queries.missing_tables(target)]
        if missing:
            raise ImportRefused(
                f"The installation lacks {', '.join(missing)}. Run `dinsight provision` first."
            )

    async def _make_months(self, source: Connection, target: Connection) -> None:
        """Make the partitions of the monitoring results, before the transaction that copies these."""
        months = [row["month"] async for row in self._queries.legacy_months(source)]
        try:
            await make_months(target, "analysis.monitor_data", months)
        except asyncpg.DatetimeFieldOverflowError as error:
            raise ImportRefused(
                "public.monitor_data has rows whose created_at is before 1970 or in the future, between"
                f" {months[0]} and {months[-1]}. Correct it first."
            ) from error

    async def _organization(
        self, target: Connection, name: str, owner_email: str | None
    ) -> tuple[UUID, str, dict[str, int]]:
        """Find or make the default organization, the importing account and the owner."""
        now = self._clock.now()
        added = {"organizations": 0, "owners": 0}
        async with acting_as(target, "auth"):
            await self._queries.insert_import_user(
                target, id=IMPORT_USER, email=IMPORT_EMAIL, full_name="Legacy import", now=now
            )
            row = await self._queries.get_default_organization(target, slug=DEFAULT_SLUG)
            organization_id: UUID = self._new_id() if row is None else row["id"]
            if row is None:
                await self._queries.insert_organization(
                    target,
                    id=organization_id,
                    name=name,
                    slug=DEFAULT_SLUG,
                    description="Data of the legacy installation.",
                    now=now,
                )
                await self._announcer.organization(target, organization_id, name, DEFAULT_SLUG)
                added["organizations"] = 1
            if owner_email is not None:
                added["owners"] = await self._owner(target, organization_id, owner_email)
        return organization_id, name if row is None else row["name"], added

    async def _owner(self, target: Connection, organization_id: UUID, email: str) -> int:
        user = await self._queries.get_user_by_email(target, email=email.lower())
        if user is None:
            raise ImportRefused(f"No account has the address {email}. Register it first, or omit --owner.")
        version = await self._queries.insert_owner(
            target,
            id=self._new_id(),
            user_id=user["id"],
            organization_id=organization_id,
            now=self._clock.now(),
        )
        if version is None:
            return 0
        await self._announcer.owner(target, organization_id, user, version)
        return 1

    async def _import(self, target: Connection, organization_id: UUID) -> dict[str, int]:
        problems = [row["problem"] async for row in self._queries.problems(target)]
        if problems:
            raise ImportRefused(
                "Rows of the legacy database must be corrected first:\n  " + "\n  ".join(problems)
            )
        await self._queries.make_plan(target)
        for plan in (self._queries.plan_chunks, self._queries.plan_machines):
            await plan(target, namespace=NAMESPACE)
        await self._queries.plan_places(target)
        await _share_staged_rows(target)
        whose = {"organization_id": organization_id, "user_id": IMPORT_USER}
        added = {"machines": await self._machines(target, organization_id)}
        async with acting_as(target, "analysis"):
            added["config_data"] = await self._configs(target, whose)
            for kind, insert in (
                ("file_uploads", self._queries.insert_uploads),
                ("dinsight_data", self._queries.insert_maps),
                ("feature_data", self._queries.insert_features),
            ):
                added[kind] = await insert(target, organization_id=organization_id)
            added["analyses"] = await self._queries.insert_analyses(target, namespace=NAMESPACE, **whose)
            added["monitor_data"] = await self._queries.insert_monitoring(
                target, organization_id=organization_id
            )
        return added

    async def _machines(self, target: Connection, organization_id: UUID) -> int:
        now = self._clock.now()
        async with acting_as(target, "analysis"):
            deleted = [row["name"] async for row in self._queries.deleted_machines(target)]
            if deleted:
                raise ImportRefused(
                    f"Machines of an earlier import have been deleted: {', '.join(deleted)}. Their"
                    " rows cannot be imported again under the same ids."
                )
            await self._queries.insert_machine_refs(target, organization_id=organization_id, now=now)
        async with acting_as(target, "machines"):
            rows = self._queries.insert_machines(target, organization_id=organization_id, now=now)
            added = [row async for row in rows]
            for row in added:
                await self._announcer.machine(target, organization_id, row)
        return len(added)

    async def _configs(self, target: Connection, whose: Mapping[str, Any]) -> int:
        """The import's configurations in their order: so they are found again, also under new numbers."""
        legacy = [row["id"] async for row in self._queries.legacy_config_ids(target)]
        known = [row["id"] async for row in self._queries.imported_configs(target, **whose)]
        if len(known) > len(legacy):
            raise ImportRefused(
                f"{len(known)} configurations were imported before, this database has {len(legacy)}. It is"
                " a different database, or rows were deleted; only one legacy installation can be imported."
            )
        fresh = legacy[len(known) :]
        for legacy_id in fresh:
            known.append(
                await self._queries.insert_config(target, id=legacy_id, highest=max(legacy), **whose)
            )
        for legacy_id, target_id in zip(legacy, known, strict=True):
            await self._queries.note_config(target, legacy_id=legacy_id, target_id=target_id)
        if fresh:
            await self._queries.continue_config_numbers(target)
        return len(fresh)


async def _share_staged_rows(target: Connection) -> None:
    """The owner roles read the staged rows; the tables are this transaction's alone."""
    tables = await target.fetch(
        "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
    )
    names = ", ".join(row[0] for row in tables)
    await target.execute(f"GRANT ALL ON {names} TO dinsight_analysis_owner, dinsight_machines_owner")


@asynccontextmanager
async def _reached(dsn: str) -> AsyncIterator[Connection]:
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(connected(dsn))
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise ImportRefused(f"A database is not available: {type(error).__name__}: {error}") from error
        yield connection
