"""What the composition roots of all services build alike: database, broker, relay, token verification."""

from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from shared.clock import Clock, IdGenerator, SystemClock, time_ordered_id
from shared.errors import Unavailable
from shared.http.application import Check
from shared.http.caller import Guard
from shared.http.peers import Peer
from shared.kafka.connection import KafkaConnection
from shared.kafka.relay import Relay
from shared.postgres.connection import Database
from shared.process import background
from shared.settings import InstallationSettings, ServiceSettings
from shared.tokens import TokenVerifier

JWKS_PATH = "/api/v1/auth/jwks.json"


class Infrastructure:
    """The collaborators of one process. Nothing is connected before `running`."""

    def __init__(self, service: str, installation: InstallationSettings, settings: ServiceSettings) -> None:
        self.service = service
        self.installation = installation
        self.clock: Clock = SystemClock()
        self.new_id: IdGenerator = time_ordered_id
        self.database = Database(
            settings.database_url.get_secret_value(), service=service, pool_size=settings.database_pool_size
        )
        self.kafka = KafkaConnection(installation, client_id=f"dinsight-{service}")
        self.auth = Peer(installation.auth_url, name="auth")
        self.guard = Guard(TokenVerifier(self._fetch_keys))
        self.relay = Relay(
            self.database,
            self.kafka,
            service=service,
            outbox_retention=timedelta(hours=installation.outbox_retention_hours),
            inbox_retention=timedelta(hours=installation.inbox_retention_hours),
        )

    @asynccontextmanager
    async def running(
        self, *work: Coroutine[Any, Any, None], peers: tuple[Peer, ...] = ()
    ) -> AsyncIterator[None]:
        """Open connections, then run `work` in the background until the block ends."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.database)
            for peer in (self.auth, *peers):
                await stack.enter_async_context(peer.open())
            await stack.enter_async_context(background(*work))
            yield

    def checks(self) -> Mapping[str, Check]:
        return {"database": self.database.ping, "broker": self.kafka.ping}

    async def _fetch_keys(self) -> Mapping[str, Any]:
        try:
            return await self.auth.get(JWKS_PATH)
        except Unavailable as error:
            raise OSError(error.detail) from error
