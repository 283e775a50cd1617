"""The analysis engine: the map of normal, projection, detection, explanation, deterioration.

Pure: it takes arrays and files and returns frozen results, without a database, a broker or HTTP.
docs/engine.md describes the algorithm; each function names its symbols and the source of its formula.
"""

from __future__ import annotations

from .archive import pack_model, unpack_model
from .baseline import fit_baseline
from .config import EngineConfig
from .errors import ConfigError, EngineError, TableError
from .map.projection import Placement
from .model import BaselineModel
from .opening import open_samples
from .preview import preview_file
from .samples import Samples, judged
from .scores import Scores, ScoreSummary
from .tables.columns import check_same_features
from .tables.config import ReadingConfig
from .tables.limits import Limits
from .tables.reading import Chunk, TableReader, open_table, open_tables, read_all, require_samples
from .times.label_files import MAX_LABEL_BYTES, LabelFile, read_labels
from .verdict.deterioration import Deterioration, Trend, deterioration, latest_wear
from .verdict.drift import Drift, assess_drift, describe_drift
from .verdict.explanation import BandShare, Explanation, FeatureShare
from .verdict.health import STATES, Health, NormalRate, Run, assess_health
from .verdict.judging import AVERAGE
from .verdict.levels import Levels, drift_levels, join_levels, standardise
from .verdict.readiness import BaselineReport
from .verdict.regimes import Regime, levels
from .verdict.sequence import SequenceState
from .verdict.settings import (
    JUDGING,
    READING,
    Ignored,
    Promise,
    alarm_intervals,
    held_out,
    ignored,
    judged_by,
    promise,
    with_threshold,
    without_outliers,
)
from .verdict.threshold import SEVERITIES
from .verdict.versions import Comparison, SensorShift, compare, judge, moved_sensors, spread_starts

__all__ = [
    "AVERAGE",
    "JUDGING",
    "MAX_LABEL_BYTES",
    "READING",
    "SEVERITIES",
    "STATES",
    "BandShare",
    "BaselineModel",
    "BaselineReport",
    "Chunk",
    "Comparison",
    "ConfigError",
    "Deterioration",
    "Drift",
    "EngineConfig",
    "EngineError",
    "Explanation",
    "FeatureShare",
    "Health",
    "Ignored",
    "LabelFile",
    "Levels",
    "Limits",
    "NormalRate",
    "Placement",
    "Promise",
    "ReadingConfig",
    "Regime",
    "Run",
    "Samples",
    "ScoreSummary",
    "Scores",
    "SensorShift",
    "SequenceState",
    "TableError",
    "TableReader",
    "Trend",
    "alarm_intervals",
    "assess_drift",
    "assess_health",
    "check_same_features",
    "compare",
    "describe_drift",
    "deterioration",
    "drift_levels",
    "fit_baseline",
    "held_out",
    "ignored",
    "join_levels",
    "judge",
    "judged",
    "judged_by",
    "latest_wear",
    "levels",
    "moved_sensors",
    "open_samples",
    "open_table",
    "open_tables",
    "pack_model",
    "preview_file",
    "promise",
    "read_all",
    "read_labels",
    "require_samples",
    "spread_starts",
    "standardise",
    "unpack_model",
    "with_threshold",
    "without_outliers",
]
