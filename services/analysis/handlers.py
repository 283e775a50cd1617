"""Events that the analysis service listens to."""

from services.analysis.database.unit import Unit
from services.analysis.jobs.runner import Processor
from services.analysis.jobs.score import ChunkScorer
from services.analysis.machines.directory import MachineDirectory
from shared.events.analysis import CHUNK_STORED, UPLOAD_RECEIVED
from shared.events.base import Event
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], directory: MachineDirectory) -> None:
    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        if event.organization_id is not None:
            await directory.follow(unit, event.organization_id, event.payload)

    consumer.on(MACHINE_CHANGED, on_machine_changed)


def subscribe_worker(consumer: Consumer[Unit], processor: Processor) -> None:
    consumer.on_work(UPLOAD_RECEIVED, processor.handle)


def subscribe_scorer(consumer: Consumer[Unit], scorer: ChunkScorer) -> None:
    consumer.on_work(CHUNK_STORED, scorer.handle)
