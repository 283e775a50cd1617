"""The consumer in docs/events.md and in the README works as it stands."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from shared.events.analysis import ANOMALY_DETECTED, AnomalyDetected
from shared.events.base import Event
from shared.events.codec import encode
from tests.support.installation import kafka_at
from tests.unit.shared.examples import EXAMPLES

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "docs" / "events.md", ROOT / "README.md")
MAX_EXAMPLE_LINES = 26
# The first join of a consumer group takes some seconds on the local broker.
PATIENCE_SECONDS = 60.0


def documented_consumer() -> str:
    fenced = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = [block for page in PAGES for block in fenced.findall(page.read_text(encoding="utf-8"))]
    assert len(blocks) == len(PAGES)
    assert len(set(blocks)) == 1
    assert len(blocks[0].splitlines()) <= MAX_EXAMPLE_LINES
    return str(blocks[0])


@asynccontextmanager
async def running(program: Path, bootstrap: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(program), bootstrap),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lines(stream: asyncio.StreamReader | None, *beginnings: str) -> list[str]:
    """The lines with these beginnings, in order; other tests' anomalies may be on the topic too."""
    assert stream is not None
    found: list[str] = []
    while len(found) < len(beginnings):
        read = (await stream.readline()).decode()
        assert read, "the consumer ended"
        if read.startswith(beginnings[len(found)]):
            found.append(read)
    return found


async def test_it_prints_an_anomaly_and_skips_what_it_cannot_read(bootstrap: str, tmp_path: Path) -> None:
    example = EXAMPLES[ANOMALY_DETECTED.name]
    assert isinstance(example, AnomalyDetected)
    event = Event(uuid4(), ANOMALY_DETECTED, str(uuid4()), uuid4(), datetime.now(UTC), example)
    program = tmp_path / "consumer.py"
    # A group of this test's own: others may run the same example on the same broker.
    program.write_text(documented_consumer().replace("maintenance-planner", f"planner-{event.id}"))
    value, named = encode(event)
    headers = list(named.items())
    unreadable: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (value, [*headers[1:], ("ce_id", b"\xff\xfe")]),
        (value, headers[1:]),
        (b"no JSON", headers),
        (b"\xff\xfe", headers),
        (b"[]", headers),
        (b"{}", headers),
        (None, headers),
    ]
    producer = kafka_at(bootstrap).producer()
    async with producer:
        places = [
            await producer.send_and_wait(event.topic.name, content, key=event.key.encode(), headers=given)
            for content, given in [*unreadable, (value, headers)]
        ]
    async with running(program, bootstrap) as process, asyncio.timeout(PATIENCE_SECONDS):
        skipped = [f"skipped {place.topic} {place.partition} {place.offset} " for place in places[:-1]]
        [printed], _ = await asyncio.gather(
            lines(process.stdout, str(event.id)),
            # In order: they have one key, and so one partition.
            lines(process.stderr, *skipped),
        )
    strongest = max(example.features, key=lambda feature: feature.share)
    assert printed.split() == [str(event.id), str(example.machine_id), example.severity, strongest.name]
