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
from .model import BaselineModel, Scores, ScoreSummary
from .tables.columns import check_same_features
from .tables.reading import Chunk, TableReader, open_table, open_tables, read_all, require_samples
from .verdict.deterioration import Deterioration, Trend, deterioration, latest_wear
from .verdict.explanation import BandShare, Explanation, FeatureShare
from .verdict.health import STATES, Health, NormalRate, Run, assess_health
from .verdict.readiness import BaselineReport
from .verdict.regimes import Regime, levels
from .verdict.sequence import SequenceState
from .verdict.threshold import SEVERITIES

__all__ = [
    "SEVERITIES",
    "STATES",
    "BandShare",
    "BaselineModel",
    "BaselineReport",
    "Chunk",
    "ConfigError",
    "Deterioration",
    "EngineConfig",
    "EngineError",
    "Explanation",
    "FeatureShare",
    "Health",
    "NormalRate",
    "Placement",
    "Regime",
    "Run",
    "ScoreSummary",
    "Scores",
    "SequenceState",
    "TableError",
    "TableReader",
    "Trend",
    "assess_health",
    "check_same_features",
    "deterioration",
    "fit_baseline",
    "latest_wear",
    "levels",
    "open_table",
    "open_tables",
    "pack_model",
    "read_all",
    "require_samples",
    "unpack_model",
]
