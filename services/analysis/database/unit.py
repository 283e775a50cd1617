"""The unit of work: one transaction with its repositories."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from services.analysis.database import fleet, sources
from services.analysis.database.analyses import Analyses, PostgresAnalyses
from services.analysis.database.anomalies import Anomalies, PostgresAnomalies
from services.analysis.database.archives import Archives, PostgresArchives
from services.analysis.database.baselines import Baselines, PostgresBaselines
from services.analysis.database.chunks import Chunks, PostgresChunks
from services.analysis.database.configs import Configs, PostgresConfigs
from services.analysis.database.deletions import Deletions, PostgresDeletions
from services.analysis.database.fleet.reading import Fleet, PostgresFleet
from services.analysis.database.fleet.summaries import PostgresSummaries, Summaries
from services.analysis.database.machines import Machines, PostgresMachines
from services.analysis.database.organizations import Organizations, PostgresOrganizations
from services.analysis.database.quality import PostgresQualities, Qualities
from services.analysis.database.results import PostgresResults, Results
from services.analysis.database.sources.repository import PostgresSources, Sources
from services.analysis.database.upkeep import PostgresUpkeep, Upkeep
from services.analysis.database.uploads import PostgresUploads, Uploads
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Jobs
from shared.kafka.inbox import Inbox, PostgresInbox
from shared.kafka.outbox import Outbox, PostgresOutbox
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class Unit:
    """The collaborators of one transaction."""

    machines: Machines
    configs: Configs
    uploads: Uploads
    analyses: Analyses
    baselines: Baselines
    chunks: Chunks
    results: Results
    qualities: Qualities
    anomalies: Anomalies
    archives: Archives
    organizations: Organizations
    deletions: Deletions
    summaries: Summaries
    fleet: Fleet
    sources: Sources
    upkeep: Upkeep
    jobs: Jobs
    outbox: Outbox
    inbox: Inbox


Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]


class PostgresUnits:
    """Opens units of work: one transaction each."""

    def __init__(self, database: Database, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self.queries = load_queries(__file__)
        self._fleet_queries = load_queries(fleet.__file__)
        self._source_queries = load_queries(sources.__file__)
        self.queue = PostgresQueue(database, service="analysis")

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:
            yield self.unit(connection)

    def unit(self, connection: Connection) -> Unit:
        """The collaborators of the connection's transaction."""
        jobs = self.queue.jobs(connection)
        return Unit(
            machines=PostgresMachines(connection, self.queries, jobs),
            configs=PostgresConfigs(connection, self.queries),
            uploads=PostgresUploads(connection, self.queries),
            analyses=PostgresAnalyses(connection, self.queries),
            baselines=PostgresBaselines(connection, self.queries),
            chunks=PostgresChunks(connection, self.queries),
            results=PostgresResults(connection, self.queries),
            qualities=PostgresQualities(connection, self.queries),
            anomalies=PostgresAnomalies(connection, self.queries),
            archives=PostgresArchives(connection, self.queries),
            organizations=PostgresOrganizations(connection, self.queries),
            deletions=PostgresDeletions(connection, self.queries),
            summaries=PostgresSummaries(connection, self._fleet_queries),
            fleet=PostgresFleet(connection, self._fleet_queries),
            sources=PostgresSources(connection, self._source_queries),
            upkeep=PostgresUpkeep(connection, self.queries),
            jobs=jobs,
            outbox=PostgresOutbox(connection, self._clock, self._new_id),
            inbox=PostgresInbox(connection),
        )
