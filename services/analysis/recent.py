"""Chunks that this process has just read: if it scores them too, they need not be fetched back."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# 8 chunks of 512 x 1,024 are 32 MiB; the oldest has most likely gone to another worker.
MOST_KEPT = 8


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a chunk: features (m, d), and one mapping of metadata each."""

    features: Floats
    metadata: Sequence[Mapping[str, Any]]


class RecentChunks:
    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[UUID, int], Samples] = OrderedDict()

    def keep(self, analysis_id: UUID, process_order: int, samples: Samples) -> None:
        self._kept[analysis_id, process_order] = samples
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def take(self, analysis_id: UUID, process_order: int) -> Samples | None:
        """The chunk, which is kept no longer."""
        return self._kept.pop((analysis_id, process_order), None)
