"""What a baseline learns from: no errors of the logger, scales and roles, no gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cleaning import MAX_ABSENT_SHARE, Cleaned, Gaps, GrossCell, find_gaps, gross_cells
from .completion import complete
from .config import CONTEXT, IGNORED, MIN_SAMPLES, EngineConfig
from .detectors import DETECTORS, FeatureMahalanobis
from .errors import EngineError
from .quality.sensors import SensorFacts
from .rows import NO_ROWS, Rows, Table, row_chunks
from .scaling import Scaling, learn_scaling
from .verdict.sensors import Role, assign_roles, sensor_facts, with_role

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The samples of a baseline (n, d), and what is learnt from them.

    In `table`, the `cells` that no sensor measured are missing; `completed` has no missing cells. Nothing is
    learnt from the samples `skipped`. Of these, the `unjudged` lack too much to be judged at all; the others
    keep their values and their distance.
    """

    table: Table
    completed: Table
    cells: list[GrossCell]
    gaps: Gaps
    facts: list[SensorFacts]
    roles: list[Role]
    scaling: Scaling
    skipped: Rows
    unjudged: Rows

    @property
    def informative(self) -> int:
        """The number of features that are not left out."""
        return int(self.scaling.dropped.size - self.scaling.dropped.sum())


def prepare(samples: Floats, features: Sequence[str], config: EngineConfig) -> Prepared:
    """Prepare samples (n, d) for learning.

    Raises EngineError if too little is left of the samples or of all features.
    """
    n = samples.shape[0]
    cells = gross_cells(samples)
    gaps = find_gaps(Cleaned(samples, cells), config.max_missing)
    # A sample with hardly a measurement keeps its values and its distance, but nothing is learnt from it.
    wild = np.intersect1d(gaps.skipped, np.array([cell.row for cell in cells], dtype=np.int64))
    blanked = [cell for cell in cells if cell.row not in wild]
    table: Table = Cleaned(samples, blanked) if blanked else samples
    _require_samples(n, n - gaps.skipped.size)
    if gaps.absent.all():
        raise EngineError(
            f"more than {MAX_ABSENT_SHARE:.0%} of every feature is missing. Check the sensors and the logger",
            code="all_missing",
            params={"max_share": MAX_ABSENT_SHARE},
        )
    facts = sensor_facts(table)
    roles = assign_roles(features, facts, config)
    context, ignored = with_role(roles, CONTEXT), with_role(roles, IGNORED)
    if DETECTORS[config.detector] is not FeatureMahalanobis:
        context, ignored = np.zeros_like(context), context | ignored  # the other detectors know no context
    scaling = learn_scaling(table, config, features, gaps.skipped, gaps.absent).with_roles(context, ignored)
    unjudged, skipped, completed = NO_ROWS, wild, table
    if gaps.lacking[~scaling.dropped].any():
        unjudged = _unjudged(table, scaling, config)
        skipped = np.union1d(wild, unjudged)
        _require_samples(n, n - skipped.size)
        completed = complete(table, scaling, np.setdiff1d(np.arange(n), skipped), config.seed)
    return Prepared(table, completed, cells, gaps, facts, roles, scaling, skipped, unjudged)


def _unjudged(table: Table, scaling: Scaling, config: EngineConfig) -> Rows:
    """The samples of which too much is missing to learn from them."""
    found = [
        rows.start + np.flatnonzero(~scaling.judged(table[rows], config.max_missing))
        for rows in row_chunks(*table.shape)
    ]
    return np.concatenate(found)


def _require_samples(n: int, kept: int) -> None:
    if kept < MIN_SAMPLES:
        raise EngineError(
            f"a baseline needs at least {MIN_SAMPLES} samples with values from enough sensors, but only"
            f" {kept} of the {n} samples have them. Check the sensors, or raise max_missing",
            code="too_few_samples",
            params={"samples": kept, "minimum": MIN_SAMPLES},
        )
