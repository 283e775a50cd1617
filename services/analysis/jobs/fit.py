"""Processes the files of a baseline: reads them, stores the features and fits the model."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.analysis.configs.domain import engine_config
from services.analysis.engine import BaselineModel, fit_baseline, require_samples
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import FITTED_SHARE, READ_SHARE, Stage
from services.analysis.jobs.progress import Progress, Stopwatch
from services.analysis.jobs.reading import Reading, TableReader
from services.analysis.jobs.work import Work


@dataclass(frozen=True, slots=True)
class Fitted:
    model: BaselineModel
    features: tuple[str, ...]
    samples: int
    quality: Mapping[str, Any]


class BaselineFitter:
    def __init__(self, reader: TableReader, chunks: ChunkStore) -> None:
        self._reader = reader
        self._chunks = chunks

    async def fit(self, work: Work, progress: Progress, watch: Stopwatch) -> Fitted:
        """Read the files of a baseline and fit the model. Raises EngineError for invalid files."""
        config, reading = engine_config(work.config), self._reader.read(work, progress)
        with tempfile.TemporaryFile() as spool:
            with watch.stage(Stage.READING):
                samples = await self._spool(work, reading, spool)
            with watch.stage(Stage.FITTING):
                shape = (samples, len(reading.features))
                # The samples are in a file, not on the heap, so the kernel may evict and reload their pages.
                x = np.memmap(spool, dtype=np.float64, mode="r", shape=shape)
                span = FITTED_SHARE - READ_SHARE
                model = await work.lease.compute(
                    fit_baseline,
                    x,
                    config,
                    feature_names=reading.features,
                    progress=lambda share: progress.report(Stage.FITTING, READ_SHARE + span * share),
                )
                del x
        return Fitted(model, reading.features, samples, await reading.quality(model))

    async def _spool(self, work: Work, reading: Reading, spool: Any) -> int:
        samples = 0
        async for chunk in reading:
            await work.lease.compute(spool.write, np.ascontiguousarray(chunk.features, dtype=np.float64).data)
            await self._chunks.keep_features(work, samples, chunk)
            samples += chunk.features.shape[0]
        await work.lease.compute(spool.flush)
        require_samples(samples, file=work.upload.original_filename)
        return samples
