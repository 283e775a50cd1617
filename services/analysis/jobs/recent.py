"""Caches chunks that this process has just read: if it scores them, too, they need not be fetched."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sys import getsizeof
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.engine import judged

Floats = NDArray[np.float64]
# Eight chunks of 512 x 1,024 values, or some seventy with ten columns of metadata; other workers have most
# likely scored older ones.
MAX_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a chunk: features (m, d), and the metadata of each sample."""

    features: Floats
    metadata: Sequence[Mapping[str, Any]]

    @property
    def nbytes(self) -> int:
        """The bytes in memory. Most of them are those of metadata, unless there are many features."""
        metadata = (getsizeof(entry) + sum(map(getsizeof, entry.values())) for entry in self.metadata)
        return self.features.nbytes + sum(metadata)

    @property
    def judged(self) -> Floats:
        """The features, without those of samples that are not judged."""
        return judged(self.features, self.metadata)


class RecentChunks:
    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[UUID, int], tuple[Samples, int]] = OrderedDict()

    def keep(self, analysis_id: UUID, process_order: int, samples: Samples) -> None:
        self.take(analysis_id, process_order)  # from an earlier attempt
        size = samples.nbytes
        self._kept[analysis_id, process_order] = samples, size
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed

    def take(self, analysis_id: UUID, process_order: int) -> Samples | None:
        """Remove the chunk from the cache and return it."""
        samples, size = self._kept.pop((analysis_id, process_order), (None, 0))
        self._bytes -= size
        return samples
