"""The cache of recent chunks is bounded, and each chunk is taken once."""

from uuid import UUID

import numpy as np

from services.analysis.jobs.recent import RecentChunks, Samples

RUN = UUID(int=1)


def samples(value: float) -> Samples:
    """A sample of ten features."""
    return Samples(np.full((1, 10), value), [{}])


FOUR = 4 * samples(0.0).nbytes


def test_the_oldest_chunks_are_evicted() -> None:
    recent = RecentChunks(FOUR)
    for order in range(6):
        recent.keep(RUN, order, samples(order))
    assert [recent.take(RUN, order) is not None for order in range(6)] == [False] * 2 + [True] * 4


def test_a_chunk_that_is_taken_or_replaced_frees_its_bytes() -> None:
    recent = RecentChunks(FOUR)
    for _ in range(10):
        recent.keep(RUN, 0, samples(0.0))
        recent.keep(RUN, 1, samples(1.0))
        assert recent.take(RUN, 1) is not None
        assert recent.take(RUN, 1) is None
    for order in range(1, 4):
        recent.keep(RUN, order, samples(order))
    kept = recent.take(RUN, 0)
    assert kept is not None
    assert kept.features[0, 0] == 0.0


def test_a_chunk_larger_than_the_cache_is_not_kept() -> None:
    recent = RecentChunks(FOUR - 1)
    recent.keep(RUN, 0, Samples(np.zeros((4, 10)), [{}] * 4))
    assert recent.take(RUN, 0) is None


def test_metadata_count_as_well() -> None:
    """A chunk of one feature with ten columns of metadata takes a hundred times what its feature does."""

    def chunk() -> Samples:
        metadata = [{f"column {place}": f"value {sample}" for place in range(10)} for sample in range(512)]
        return Samples(np.zeros((512, 1)), metadata)

    recent = RecentChunks(8 * 2**20)
    for order in range(100):
        recent.keep(RUN, order, chunk())
    assert 8 <= sum(recent.take(RUN, order) is not None for order in range(100)) <= 32
