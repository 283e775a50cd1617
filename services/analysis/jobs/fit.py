"""What the worker that has an analysis does with its files: fit a baseline, split a monitoring run.

Parsing and fitting run in threads, chunk by chunk; the loop stays free for the heartbeat.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from opentelemetry import metrics, trace

from services.analysis.configs.domain import Configuration, engine_config
from services.analysis.domain import Analysis
from services.analysis.engine import (
    BaselineModel,
    Chunk,
    SequenceState,
    check_same_features,
    fit_baseline,
    open_tables,
    require_samples,
)
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.progress import Pulse
from services.analysis.objects.store import Storage
from services.analysis.uploads.domain import FileUpload

Floats = NDArray[np.float64]
# Called with the place of the first sample, and the samples.
StoreChunk = Callable[[int, Chunk], Awaitable[None]]
# Called with the chunk's place, that of its first sample, the samples, and the sequence's state before them.
ListChunk = Callable[[int, int, Chunk, SequenceState | None], Awaitable[None]]
# 512 samples of 1,024 features are 4 MiB: a twentieth of a second of work for a worker, and few enough to
# hold several.
CHUNK_SAMPLES = 512
# How the progress of a whole analysis is shared out.
READ_SHARE, FITTED_SHARE, SCORED_SHARE = 0.4, 0.9, 0.9


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed analysis and all that is needed to do it."""

    analysis: Analysis
    upload: FileUpload
    config: Configuration
    token: UUID
    model_key: str | None


@dataclass(frozen=True, slots=True)
class Fitted:
    model: BaselineModel
    features: tuple[str, ...]
    samples: int
    results: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Split:
    """A monitoring run whose samples are stored as chunks."""

    features: tuple[str, ...]
    samples: int


@dataclass
class Stopwatch:
    """Spans, a histogram and the results' `timings` (seconds per stage) from one measurement."""

    analysis_type: str
    timings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tracer = trace.get_tracer("dinsight.analysis")
        self._seconds = metrics.get_meter("dinsight.analysis").create_histogram(
            "dinsight_analysis_stage_duration", "s", "Duration of the stages of analyses"
        )

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        with self._tracer.start_as_current_span(f"analysis {stage}"):
            yield
        took = time.perf_counter() - begun
        self.timings[str(stage)] = round(took, 4)
        self._seconds.record(took, {"stage": str(stage), "analysis_type": self.analysis_type})


class Computer:
    """Turns files into results. `store` is called with each chunk of features as it is read."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def fit(self, work: Work, pulse: Pulse, watch: Stopwatch, store: StoreChunk) -> Fitted:
        """Read a baseline's files and fit the map. Raises EngineError for files that are refused."""
        config = engine_config(work.config)
        with tempfile.TemporaryFile() as spool:
            with watch.stage(Stage.READING):
                features, samples = await self._spool(work, pulse, store, spool)
            with watch.stage(Stage.FITTING):
                shape = (samples, len(features))
                # The file, not the heap, holds the samples: the kernel may drop pages that it can read again.
                x = np.memmap(spool, dtype=np.float64, mode="r", shape=shape)
                span = FITTED_SHARE - READ_SHARE
                model = await asyncio.to_thread(
                    fit_baseline,
                    x,
                    config,
                    feature_names=features,
                    progress=lambda share: pulse.report(Stage.FITTING, READ_SHARE + span * share),
                )
                del x
        return Fitted(model, features, samples, model.results())

    async def _spool(
        self, work: Work, pulse: Pulse, store: StoreChunk, spool: Any
    ) -> tuple[tuple[str, ...], int]:
        features: tuple[str, ...] = ()
        samples = 0
        async for features, chunk in self._read(work, pulse, Stage.READING, READ_SHARE):  # noqa: B007
            await asyncio.to_thread(_write, spool, chunk.features)
            await store(samples, chunk)
            samples += chunk.features.shape[0]
        await asyncio.to_thread(spool.flush)
        require_samples(samples, file=work.upload.original_filename)
        return features, samples

    async def split(
        self, work: Work, model: BaselineModel, pulse: Pulse, watch: Stopwatch, store: ListChunk
    ) -> Split:
        """Read a monitoring run and `store` it chunk by chunk. Raises EngineError for refused files."""
        state: SequenceState | None = None
        order = samples = 0
        with watch.stage(Stage.READING):
            async for features, chunk in self._read(work, pulse, Stage.READING, READ_SHARE):
                if order == 0:
                    check_same_features(features, model.features, file=work.upload.original_filename)
                await store(order, samples, chunk, state)
                if model.config.ewma is not None and not model.state_needs_placement:
                    state = await asyncio.to_thread(model.advance, chunk.features, state)
                order += 1
                samples += chunk.features.shape[0]
            require_samples(samples, file=work.upload.original_filename)
        return Split(model.features, samples)

    async def _read(
        self, work: Work, pulse: Pulse, stage: Stage, share: float
    ) -> AsyncIterator[tuple[tuple[str, ...], Chunk]]:
        """Feature names with each chunk; the next chunk is parsed while this one is worked on."""
        files = work.upload.files
        total = max(1, sum(file.size for file in files))
        read = 0

        def count(size: int) -> None:
            nonlocal read
            read += size
            pulse.report(stage, share * min(1.0, read / total))

        with ExitStack() as stack:
            streams = [
                stack.enter_context(await asyncio.to_thread(self._storage.open, file.key, count))
                for file in files
            ]
            table = await asyncio.to_thread(
                open_tables,
                [(stream, file.filename) for stream, file in zip(streams, files, strict=True)],
                config=engine_config(work.config),
                chunk_rows=CHUNK_SAMPLES,
            )
            read = 0  # what was read so far told the columns; now the samples are read from the start
            chunks = iter(table)
            coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            try:
                while (chunk := await coming) is not None:
                    coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
                    yield tuple(table.features), chunk
                    pulse.check()
            finally:
                # The thread still reads from the streams that are closed next.
                await asyncio.gather(coming, return_exceptions=True)


def _write(spool: Any, values: Floats) -> None:
    spool.write(np.ascontiguousarray(values, dtype=np.float64).data)
