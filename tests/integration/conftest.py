"""One migrated database, one broker with topics and one token issuer for the integration run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from dinsight.provision.topics import create_topics
from shared.settings import InstallationSettings
from tests.support.installation import (
    TestDatabase,
    create_database,
    drop_database,
    installation_settings,
    kafka_at,
)
from tests.support.tokens import TokenIssuer


@pytest.fixture(scope="session")
async def database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    for service in [s for s in SERVICES if (Path("services") / s / "migrations").is_dir()]:
        await asyncio.to_thread(upgrade, service, created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@pytest.fixture(scope="session")
async def bootstrap(kafka_bootstrap: str) -> str:
    await create_topics(kafka_at(kafka_bootstrap))
    return kafka_bootstrap


@pytest.fixture(scope="session")
def tokens() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture(scope="session")
async def installation(
    bootstrap: str, tokens: TokenIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[InstallationSettings]:
    storage: Path = tmp_path_factory.mktemp("storage")
    async with tokens.serving() as auth_url:
        yield installation_settings(
            kafka_bootstrap=bootstrap, auth_url=auth_url, storage_url=f"file://{storage}"
        )
