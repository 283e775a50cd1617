"""Connection pools and transactions. Row-level security reads the scope of a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncpg
import orjson
from opentelemetry import trace

from shared.access import Scope
from shared.errors import Unavailable
from shared.postgres.watched import WatchedConnection

if TYPE_CHECKING:
    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
else:
    Connection = asyncpg.Connection

SET_SCOPE = """
SELECT set_config('app.organization_id', $1, true), set_config('app.user_id', $2, true)
"""
# The database is temporarily unable to serve the request: a later retry may succeed.
TRANSIENT_DATABASE_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    # The client's state machine, after its connection was cut in the middle of an exchange.
    asyncpg.InternalClientError,
    # A deadlock or a serialization failure: the same transaction succeeds when it is repeated.
    asyncpg.TransactionRollbackError,
    # A lock could not be acquired in time.
    asyncpg.LockNotAvailableError,
    # After a failover: the connection still points at the old primary, which is a standby now.
    asyncpg.ReadOnlySQLTransactionError,
    # Refused, reset, timed out or not resolved. With several addresses, asyncio raises a plain OSError.
    OSError,
)
# A statement that takes longer than this is a mistake: long work happens outside transactions.
COMMAND_TIMEOUT_SECONDS = 60
PING_SECONDS = 2
# Every change writes to the outbox, so readiness tries this write and rolls it back. It fails on a standby,
# on a full disk, without a migrated schema or its extensions, and on a server whose files were upgraded while
# it runs: such a server answers, but cannot load the libraries of functions that a new session calls.
TRY_TO_WRITE = """
BEGIN;
SELECT public.uuid_generate_v4(), public.digest(''::text, 'sha256');
INSERT INTO outbox (id, topic, headers, keep_latest, transient)
VALUES (gen_random_uuid(), 'readiness', '{}', false, true);
ROLLBACK
"""


def _encode_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


async def prepare_connection(connection: Connection) -> None:
    """Convert JSON columns to and from Python values on this connection."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_encode_json, decoder=orjson.loads, schema="pg_catalog")


class Database:
    """A connection pool that opens with the application and provides scoped transactions."""

    def __init__(self, dsn: str, *, service: str, pool_size: int) -> None:
        self.dsn = dsn
        self._service = service
        self._pool_size = pool_size
        # A pool belongs to the event loop in which it is created, so it is created on entering.
        self._opened: asyncpg.Pool[asyncpg.Record] | None = None
        self._tracer = trace.get_tracer("dinsight.postgres")

    async def __aenter__(self) -> Self:
        self._opened = await asyncpg.create_pool(
            self.dsn,
            # Connect lazily: a service starts without its database, and reports that it is not ready.
            min_size=0,
            max_size=self._pool_size,
            init=prepare_connection,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            connection_class=WatchedConnection,
            server_settings={
                "application_name": f"dinsight-{self._service}",
                # Queries of lists have optional filters (`:status IS NULL OR status = :status`). Only a plan
                # for the values of the request leaves out those that are not used, and knows how rare a value
                # is; a generic plan, made once for all, reads a whole organization for some of them.
                "plan_cache_mode": "force_custom_plan",
            },
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._pool.close()

    @property
    def _pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._opened is None:
            raise Unavailable("The database connection is not open yet. Try again shortly.")
        return self._opened

    @asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[Connection]:
        """A transaction in `scope`. Commits when the block ends, and rolls back if it raises."""
        with self._tracer.start_as_current_span(
            "transaction", attributes={"db.system.name": "postgresql", "db.namespace": self._service}
        ):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    SET_SCOPE, str(scope.organization_id or ""), str(scope.user_id or "")
                )
                yield connection

    async def connect(self) -> Connection:
        """A connection outside the pool, for LISTEN and advisory locks. The caller closes it."""
        connection = await asyncpg.connect(
            self.dsn,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            connection_class=WatchedConnection,
            server_settings={"application_name": f"dinsight-{self._service}-relay"},
        )
        await prepare_connection(connection)
        return connection

    async def ping(self) -> None:
        """Raise if the database does not respond or cannot write.

        This uses a separate connection: a service whose pool is exhausted still has its database, and taking
        it out of rotation would only overload the other instances.
        """
        connection = await asyncpg.connect(self.dsn, timeout=PING_SECONDS)
        try:
            await connection.execute(TRY_TO_WRITE, timeout=PING_SECONDS)
        finally:
            await connection.close(timeout=PING_SECONDS)
