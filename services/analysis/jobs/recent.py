"""Caches chunks that this process has just read: if it scores them, too, they need not be fetched."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.engine import judged

Floats = NDArray[np.float64]
# Eight chunks of 512 x 1,024 values; other workers have most likely scored older ones.
MAX_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a chunk: features (m, d), and the metadata of each sample."""

    features: Floats
    metadata: Sequence[Mapping[str, Any]]

    @property
    def judged(self) -> Floats:
        """The features, without those of samples that are not judged."""
        return judged(self.features, self.metadata)


class RecentChunks:
    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[UUID, int], Samples] = OrderedDict()

    def keep(self, analysis_id: UUID, process_order: int, samples: Samples) -> None:
        self.take(analysis_id, process_order)  # from an earlier attempt
        self._kept[analysis_id, process_order] = samples
        self._bytes += samples.features.nbytes
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.features.nbytes

    def take(self, analysis_id: UUID, process_order: int) -> Samples | None:
        """Remove the chunk from the cache and return it."""
        samples = self._kept.pop((analysis_id, process_order), None)
        if samples is not None:
            self._bytes -= samples.features.nbytes
        return samples
