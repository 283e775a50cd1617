"""Many runs of few samples as one block: judging costs by the block, not by the sample. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from services.alerting.rules.signals import Source
from services.alerting.series.domain import Block, Contributions


def successive(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks in groups: samples that follow each other in time, and every other block alone.

    Windows would count samples of one time together, so these stay apart.
    """
    groups: list[list[Block]] = []
    for block in blocks:
        before = groups[-1][-1] if groups else block
        are_samples = block.source is Source.SAMPLES and before.source is Source.SAMPLES
        if groups and are_samples and block.times[0] > before.times[-1]:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def joined(blocks: Sequence[Block]) -> Block:
    """Successive blocks of samples as one, which arrived with the last of them."""
    first, last = blocks[0], blocks[-1]
    starts = list(accumulate((len(block) for block in blocks[:-1]), initial=0))
    return Block(
        last.number,
        last.analysis_id,
        last.source,
        last.received,
        np.concatenate([block.times for block in blocks]),
        {name: np.concatenate([block.values[name] for block in blocks]) for name in first.values},
        np.concatenate([block.weights for block in blocks]),
        np.concatenate([block.anomalies for block in blocks]),
        _contributions(blocks, starts),
        {
            start + step: known
            for start, block in zip(starts, blocks, strict=True)
            for step, known in block.ids.items()
        },
        analyses=tuple(zip(starts, (block.analysis_id for block in blocks), strict=True)),
    )


def _contributions(blocks: Sequence[Block], starts: Sequence[int]) -> Mapping[str, Contributions]:
    found: defaultdict[str, list[tuple[int, Contributions]]] = defaultdict(list)
    for start, block in zip(starts, blocks, strict=True):
        for name, known in block.contributions.items():
            found[name].append((start, known))
    return {
        name: Contributions(
            [start + step for start, known in parts for step in known.steps],
            [share for _, known in parts for share in known.shares],
            [deviation for _, known in parts for deviation in known.deviations],
            [value for _, known in parts for value in known.expected],
            [value for _, known in parts for value in known.observed],
        )
        for name, parts in found.items()
    }
