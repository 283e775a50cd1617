"""The collaborators that every composition root builds: database, broker, relay, token verification."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from shared.clock import Clock, IdGenerator, SystemClock, time_ordered_id
from shared.ended import EndedAccess
from shared.errors import Unavailable
from shared.events.signatures import EventSigner
from shared.http.application import Check
from shared.http.caller import Guard
from shared.http.live_access import LiveAccess
from shared.http.peers import Peer
from shared.http.standing import Standing
from shared.jobs.loop import Loop
from shared.jobs.worker import Worker
from shared.kafka.connection import KafkaConnection
from shared.kafka.ended_feed import EndedFeed
from shared.kafka.relay import Relay
from shared.kafka.retention import messaging_janitor
from shared.postgres.connection import Database
from shared.process import background
from shared.settings import InstallationSettings, ServiceSettings
from shared.tokens import TokenVerifier

JWKS_PATH = "/api/v1/auth/jwks.json"


class Infrastructure:
    """The collaborators of one process. Connections are opened by `running`."""

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
        ended = EndedAccess()
        self.standing = Standing(self.auth, ended)
        self.ended_feed = EndedFeed(self.kafka, ended, self.clock)
        self.guard = Guard(TokenVerifier(self._fetch_keys), LiveAccess(ended, self.ended_feed, self.standing))
        signer = EventSigner(service, installation.event_signing_key.get_secret_value())
        self.relay = Relay(self.database, self.kafka, signer, service=service)
        self._janitor = messaging_janitor(
            self.database,
            service=service,
            outbox=timedelta(hours=installation.outbox_retention_hours),
            inbox=timedelta(hours=installation.inbox_retention_hours),
        )

    @asynccontextmanager
    async def running(
        self,
        *loops: Loop,
        workers: Sequence[Worker] = (),
        peers: Sequence[Peer] = (),
    ) -> AsyncIterator[None]:
        """Open connections, then run the loops and workers in the background until the block ends."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.database)
            for peer in (self.auth, *peers):
                await stack.enter_async_context(peer.open())
            for worker in workers:
                # Runs after the loops have ended, so no new jobs are claimed: running jobs are put back.
                stack.push_async_callback(worker.stop)
            await stack.enter_async_context(background(*(loop.run() for loop in self._all(loops, workers))))
            yield

    def checks(
        self, *loops: Loop, workers: Sequence[Worker] = (), needs_broker: bool = True
    ) -> Mapping[str, Check]:
        """Readiness: the servers answer, and no loop has failed for long."""
        servers: dict[str, Check] = {"database": self.database.ping}
        if needs_broker:
            servers["broker"] = self.kafka.ping
        return servers | {loop.name: loop.check for loop in self._all(loops, workers)}

    def _all(self, loops: Sequence[Loop], workers: Sequence[Worker]) -> Sequence[Loop]:
        return [self._janitor.loop, *loops, *(loop for worker in workers for loop in worker.loops)]

    async def _fetch_keys(self) -> Mapping[str, Any]:
        try:
            return await self.auth.get(JWKS_PATH)
        except Unavailable as error:
            raise OSError(error.detail) from error
