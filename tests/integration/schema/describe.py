"""Prints how an installation's tables differ from the specification's, to keep the lists by.

`python -m tests.integration.schema.describe DSN`, where DSN is a PostgreSQL server's administrator address: a
scratch database is made on it, migrated, described and dropped.
"""

import asyncio
import sys

import asyncpg

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from tests.integration.schema.catalog import (
    SLICES,
    additions,
    differences,
    read_installation,
    read_specification,
)
from tests.support.installation import create_database, drop_database


async def describe(server_dsn: str) -> None:
    wanted_in, found_in = await create_database(server_dsn), await create_database(server_dsn)
    try:
        for service in SERVICES:
            await asyncio.to_thread(upgrade, service, found_in.admin_dsn)
        specification = await asyncpg.connect(wanted_in.admin_dsn)
        installation = await asyncpg.connect(found_in.admin_dsn)
        wanted = await read_specification(specification)
        found = await read_installation(installation)
        for connection in (specification, installation):
            await connection.close()
    finally:
        for database in (wanted_in, found_in):
            await drop_database(server_dsn, database)
    lines = []
    for name in SLICES:
        lines.append(f"{SLICES[name]}.{name}")
        lines += [f"  differs: {difference}" for difference in differences(wanted[name], found.get(name))]
        if name in found:
            added = additions(wanted[name], found[name])
            lines += [f"  added: {what}: {fact}" for what, fact in added.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    asyncio.run(describe(sys.argv[1]))
