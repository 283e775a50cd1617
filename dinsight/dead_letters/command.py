"""`dinsight dead-letters`: the records that consumers gave up, and their replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import SERVICES, CommandError, Installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinsight.dead_letters.records import Parked

app = typer.Typer(
    name="dead-letters", help="Records that consumers gave up: list them, replay them.", no_args_is_help=True
)

TopicOption = Annotated[
    str | None, typer.Option("--topic", help="Only records of this topic, such as machine.changed.")
]
LONGEST_REASON = 200


@app.command("list")
def list_records(
    context: typer.Context,
    topic: TopicOption = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Also those that were replayed.")] = False,
) -> None:
    """Show the parked records: where they came from, why they were parked, and when."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    records = [parked for parked in _read(context.obj(), topic) if replayed or not parked.replayed]
    if not records:
        Console().print("No parked records.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "topic", "key", "parked at", "place", "group"):
        table.add_column(heading, no_wrap=heading in ("id", "topic"), overflow="fold")
    table.add_column("reason", ratio=1, overflow="fold")
    for parked in records:
        row = (
            parked.id,
            parked.topic,
            "" if parked.key is None else parked.key.decode("utf-8", "backslashreplace"),
            parked.parked_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            f"{parked.partition}:{parked.offset}",
            parked.group,
            ("replayed; " if parked.replayed else "") + parked.reason[:LONGEST_REASON],
        )
        # What came in an event is shown, not read as markup or as commands of the terminal.
        table.add_row(*(Text("".join(c if c.isprintable() else " " for c in cell)) for cell in row))
    Console().print(table)


@app.command("replay")
def replay_records(
    context: typer.Context,
    topic: TopicOption = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A record's id as `list` shows it; may be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every parked record not yet replayed.")] = False,
) -> None:
    """Put parked records back on their topics, as they were, once what refused them is mended.

    A record is replayed once. An event whose effect was made meanwhile changes nothing.
    """
    import asyncio

    from rich.console import Console

    if not ids and not everything:
        raise CommandError(
            "say which: --id ID (see `dinsight dead-letters list`) or --all, with --topic to narrow it down."
        )
    installation: Installation = context.obj()
    found = _read(installation, topic)
    unknown = [id_ for id_ in ids or () if not any(parked.id == id_ for parked in found)]
    if unknown:
        raise CommandError(
            f"there is no parked record {', '.join(unknown)}: `list --replayed` shows all of them."
        )
    chosen = [parked for parked in found if everything or parked.id in (ids or ())]
    outcomes = asyncio.run(_replay(installation, chosen))
    for parked in chosen:
        line = f"{parked.id} {parked.topic}: {outcomes[parked.id]}"
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    if not chosen:
        Console().print("No parked records.")


async def _replay(installation: Installation, chosen: Sequence[Parked]) -> dict[str, str]:
    """What became of each record, by id."""
    import asyncpg

    from dinsight.dead_letters.records import newer_states, put_back, set_aside
    from dinsight.slices import acting_as
    from shared.postgres.connection import prepare_connection

    waiting = [parked for parked in chosen if not parked.replayed]
    superseded = await newer_states(installation.kafka_bootstrap, waiting)
    outcomes = {parked.id: "was replayed before" for parked in chosen}
    connection = await asyncpg.connect(installation.admin_dsn)
    try:
        await prepare_connection(connection)
        for parked in waiting:
            service = _service(parked.group)
            async with connection.transaction(), acting_as(connection, service):
                if parked.id in superseded:
                    await set_aside(connection, parked)
                    outcomes[parked.id] = "set aside: its topic has a newer state of the same key"
                elif await put_back(connection, parked):
                    outcomes[parked.id] = f"handed to the relay of {service}"
    finally:
        await connection.close()
    return outcomes


def _service(group: str) -> str:
    """Whose outbox it goes through: the service that parked it, else any, for a relay serves every topic."""
    parking = (s for s in SERVICES if group == s or group.startswith(f"{s}-"))
    return next(parking, SERVICES[0])


def _read(installation: Installation, topic: str | None) -> list[Parked]:
    import asyncio

    from aiokafka.errors import KafkaError

    from dinsight.dead_letters.records import read_parked
    from shared.events.registry import BY_NAME

    if topic is not None and topic not in BY_NAME:
        raise CommandError(f"there is no topic {topic}; there are: {', '.join(BY_NAME)}.")
    topics = list(BY_NAME.values()) if topic is None else [BY_NAME[topic]]
    try:
        return asyncio.run(read_parked(installation.kafka_bootstrap, topics))
    except (KafkaError, OSError) as error:
        raise installation.broker_error(error) from error
