"""`dinsight dead-letters`: lists the records that consumers could not handle, and replays them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.installation import SERVICES, CommandError, Installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dinsight.dead_letters.records import DeadLetter

app = typer.Typer(
    name="dead-letters", help="List and replay records that consumers could not handle.", no_args_is_help=True
)

TopicOption = Annotated[
    str | None, typer.Option("--topic", help="Only records of this topic, such as machine.changed.")
]
MAX_REASON_LENGTH = 200


@app.command("list")
def list_records(
    context: typer.Context,
    topic: TopicOption = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Include those that were replayed.")] = False,
) -> None:
    """List dead letters: where each came from, why it was dead-lettered, and when."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    records = [letter for letter in _read(context.obj(), topic) if replayed or not letter.replayed]
    if not records:
        Console().print("No dead letters.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "topic", "key", "since", "place", "group"):
        table.add_column(heading, no_wrap=heading in ("id", "topic"), overflow="fold")
    table.add_column("reason", ratio=1, overflow="fold")
    for letter in records:
        row = (
            letter.id,
            letter.topic,
            "" if letter.key is None else letter.key.decode("utf-8", "backslashreplace"),
            letter.dead_lettered_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            f"{letter.partition}:{letter.offset}",
            letter.group,
            ("replayed; " if letter.replayed else "") + letter.reason[:MAX_REASON_LENGTH],
        )
        # Content of events is untrusted: it must not be read as markup or as terminal escapes.
        table.add_row(*(Text("".join(c if c.isprintable() else " " for c in cell)) for cell in row))
    Console().print(table)


@app.command("replay")
def replay_records(
    context: typer.Context,
    topic: TopicOption = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A record's id as `list` shows it; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every dead letter that was not replayed yet.")
    ] = False,
) -> None:
    """Put dead letters back on their topics, unchanged, once their cause is fixed.

    Each is replayed once. Events that were handled meanwhile are deduplicated.
    """
    import asyncio

    from rich.console import Console

    if not ids and not everything:
        raise CommandError(
            "Name the records: --id ID (see `dinsight dead-letters list`) or --all, optionally with --topic."
        )
    installation: Installation = context.obj()
    found = _read(installation, topic)
    unknown = [id_ for id_ in ids or () if not any(letter.id == id_ for letter in found)]
    if unknown:
        raise CommandError(
            f"No dead letter has the id {', '.join(unknown)}; `list --replayed` shows all ids."
        )
    chosen = [letter for letter in found if everything or letter.id in (ids or ())]
    outcomes = asyncio.run(_replay(installation, chosen))
    for letter in chosen:
        line = f"{letter.id} {letter.topic}: {outcomes[letter.id]}"
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    if not chosen:
        Console().print("No dead letters.")


async def _replay(installation: Installation, chosen: Sequence[DeadLetter]) -> dict[str, str]:
    """The outcome of each record, by id."""
    from dinsight.administrator import acting_as, connected
    from dinsight.dead_letters.records import newer_states, put_back, set_aside, why_refused

    kafka = installation.kafka()
    outcomes = {letter.id: "already replayed" for letter in chosen}
    refused = {letter.id: reason for letter in chosen if (reason := why_refused(kafka, letter))}
    waiting = [letter for letter in chosen if not letter.replayed and letter.id not in refused]
    superseded = await newer_states(kafka, waiting)
    outcomes |= {id_: f"refused: {reason}" for id_, reason in refused.items()}
    async with connected(installation.admin_dsn) as connection:
        for letter in waiting:
            service = _service(letter)
            async with connection.transaction(), acting_as(connection, service):
                if letter.id in superseded:
                    await set_aside(connection, letter)
                    outcomes[letter.id] = "skipped: its topic has a newer state of the same key"
                elif await put_back(connection, letter):
                    outcomes[letter.id] = f"queued for the relay of {service}"
    return outcomes


def _service(letter: DeadLetter) -> str:
    """The service whose outbox it goes through: the topic's producer, else the one that could not handle it.

    The broker lets no other service write to the topic.
    """
    from shared.events.registry import BY_NAME

    producer = BY_NAME[letter.topic].producer
    consumers = (s for s in SERVICES if letter.group == s or letter.group.startswith(f"{s}-"))
    return producer if producer in SERVICES else next(consumers, SERVICES[0])


def _read(installation: Installation, topic: str | None) -> list[DeadLetter]:
    import asyncio

    from aiokafka.errors import KafkaError

    from dinsight.dead_letters.records import read_dead_letters
    from shared.events.registry import BY_NAME

    if topic is not None and topic not in BY_NAME:
        raise CommandError(f"No topic is named {topic}; there are: {', '.join(BY_NAME)}.")
    topics = list(BY_NAME.values()) if topic is None else [BY_NAME[topic]]
    try:
        return asyncio.run(read_dead_letters(installation.kafka(), topics))
    except (KafkaError, OSError) as error:
        raise installation.broker_error(error) from error
