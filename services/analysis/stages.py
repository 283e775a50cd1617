"""What a worker computes: a baseline or a monitoring run, from the stored files to what is to be stored.

Parsing, fitting and scoring run in threads, chunk by chunk; the loop stays free for the heartbeat.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from opentelemetry import metrics, trace

from services.analysis.configs import engine_config
from services.analysis.domain import Analysis, Configuration, FileUpload, Stage
from services.analysis.engine import (
    BaselineModel,
    Chunk,
    Scores,
    ScoreSummary,
    SequenceState,
    assess_health,
    check_same_features,
    deterioration,
    fit_baseline,
    open_tables,
    require_samples,
)
from services.analysis.pulse import Pulse
from services.analysis.storage import Storage

Floats = NDArray[np.float64]
StoreChunk = Callable[[int, Chunk], Any]
# 256 samples of 1,024 features are 2 MiB: large enough for COPY, small enough to hold several.
CHUNK_SAMPLES = 256
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
class ScoredChunk:
    """`explanations` are those of the anomalies, by place in the chunk."""

    first: int
    scores: Scores
    metadata: Sequence[Mapping[str, Any]]
    explanations: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fitted:
    model: BaselineModel
    features: tuple[str, ...]
    samples: int
    results: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Monitored:
    chunks: list[ScoredChunk]
    features: tuple[str, ...]
    samples: int
    threshold: float
    results: dict[str, Any]


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
    def stage(self, stage: Stage) -> Iterator[None]:
        begun = time.perf_counter()
        with self._tracer.start_as_current_span(f"analysis {stage}"):
            yield
        took = time.perf_counter() - begun
        self.timings[stage.value] = round(took, 4)
        self._seconds.record(took, {"stage": stage.value, "analysis_type": self.analysis_type})


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

    async def monitor(
        self, work: Work, model: BaselineModel, pulse: Pulse, watch: Stopwatch, store: StoreChunk
    ) -> Monitored:
        """Read and score a monitoring run chunk by chunk; only its scores stay in memory."""
        chunks: list[ScoredChunk] = []
        state: SequenceState | None = None
        samples = 0
        with watch.stage(Stage.SCORING):
            async for features, chunk in self._read(work, pulse, Stage.SCORING, SCORED_SHARE):
                if not chunks:
                    check_same_features(features, model.features, file=work.upload.original_filename)
                scored = await asyncio.to_thread(_score, model, chunk, state, samples)
                await store(samples, chunk)
                chunks.append(scored)
                state = scored.scores.state
                samples += chunk.features.shape[0]
            require_samples(samples, file=work.upload.original_filename)
            results = await asyncio.to_thread(_judge, model, chunks)
        return Monitored(chunks, model.features, samples, model.threshold, results)

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


def _score(model: BaselineModel, chunk: Chunk, state: SequenceState | None, first: int) -> ScoredChunk:
    scores = model.score(chunk.features, state, first_row=first)
    places = np.flatnonzero(scores.anomaly)
    explanations = model.explain(chunk.features[places]) if places.size else []
    explained = {
        int(place): explanation.as_dict() for place, explanation in zip(places, explanations, strict=True)
    }
    return ScoredChunk(first, scores, chunk.metadata, explained)


def _judge(model: BaselineModel, chunks: Sequence[ScoredChunk]) -> dict[str, Any]:
    """The run's results: counts, and the machine's health from the anomalies and the wear."""
    summary = ScoreSummary.merge(chunk.scores.summary for chunk in chunks)
    places = np.concatenate([np.column_stack((c.scores.x, c.scores.y)) for c in chunks])
    order = np.arange(len(places), dtype=np.float64)
    worn = deterioration(order, places, model.coordinates, failing=model.config.failing_wear)
    health = assess_health(
        summary.anomaly_fraction, worn.latest, model.config, samples=summary.samples, baseline=model.report
    )
    return summary.results(health) | {"wear": worn.latest}
