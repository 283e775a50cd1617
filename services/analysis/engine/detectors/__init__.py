"""Detectors by their names in the configuration, one file each. Those in `ON_MAP` use map positions."""

from __future__ import annotations

from .base import Detector
from .feature_mahalanobis import FeatureMahalanobis
from .map_mahalanobis import MapMahalanobis
from .t2_spe import T2Spe

DETECTORS: dict[str, type[Detector]] = {
    "feature_mahalanobis": FeatureMahalanobis,
    "map_mahalanobis": MapMahalanobis,
    "t2_spe": T2Spe,
}

ON_MAP = frozenset({"map_mahalanobis"})

__all__ = ["DETECTORS", "ON_MAP", "Detector", "FeatureMahalanobis", "MapMahalanobis", "T2Spe"]
