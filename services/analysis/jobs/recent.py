"""Chunks that this process has just read: if it scores them too, they need not be fetched back."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Eight chunks of 512 x 1,024; what is older has most likely gone to another worker.
MOST_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a chunk: features (m, d), and one mapping of metadata each."""

    features: Floats
    metadata: Sequence[Mapping[str, Any]]


class RecentChunks:
    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[UUID, int], Samples] = OrderedDict()

    def keep(self, analysis_id: UUID, process_order: int, samples: Samples) -> None:
        self.take(analysis_id, process_order)  # of an attempt before this one
        self._kept[analysis_id, process_order] = samples
        self._bytes += samples.features.nbytes
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.features.nbytes

    def take(self, analysis_id: UUID, process_order: int) -> Samples | None:
        """The chunk, which is kept no longer."""
        samples = self._kept.pop((analysis_id, process_order), None)
        if samples is not None:
            self._bytes -= samples.features.nbytes
        return samples
