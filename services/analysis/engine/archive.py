"""Serialises a model as plain named arrays (for npz, without pickle), without loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import EngineConfig
from .detectors import DETECTORS, FeatureMahalanobis
from .errors import EngineError
from .map.distances import DistanceRange
from .map.projection import ReferenceMap
from .model import BaselineModel
from .scaling import Scaling
from .similarity import Similarity
from .verdict.readiness import BaselineReport

VERSION = 1

ONE_STATISTIC = np.array([1.0])
"""Models that were stored before there were several statistics judge by the distance alone."""

UNKNOWN = np.empty(0, dtype=np.int64)
"""The decimal places of models that were stored before they were found."""


def pack_model(model: BaselineModel) -> dict[str, NDArray[Any]]:
    """Return the model as named arrays without Python objects, for `numpy.savez`, without loss.

    Everything that is not numeric goes into one JSON text, `document`.
    """
    document = {
        "config": asdict(model.config),
        "features": model.features,
        "scaling": {"kind": model.scaling.kind, "reason": model.scaling.reason, "unit": model.scaling.unit},
        "range": [model.reference.range.low, model.reference.range.high],
        "similarity": asdict(model.reference.similarity),
        "threshold": model.threshold,
        "space_limit": model.space_limit,
        "statistics": model.statistics,
        "cost_per_pair": model.cost_per_pair,
        "iterations": model.iterations,
        "trustworthiness": model.trustworthiness,
        "report": model.report.as_dict(),
        "sensors": list(model.sensors),
    }
    arrays: dict[str, NDArray[Any]] = {
        "version": np.array(VERSION),
        "document": np.frombuffer(json.dumps(document).encode(), dtype=np.uint8),
        "coordinates": model.coordinates,
        "position_mean": model.position_mean,
        "position_std": model.position_std,
        "baseline_distances": model.baseline_distances,
        "limits": model.limits,
        "places": model.places,
        "scaling.mean": model.scaling.mean,
        "scaling.std": model.scaling.std,
        "scaling.factor": model.scaling.factor,
        "scaling.dropped": model.scaling.dropped,
        "scaling.absent": model.scaling.absent,
        "scaling.context": model.scaling.context,
        "reference.features": model.reference.features,
        "reference.coordinates": model.reference.coordinates,
    }
    arrays |= {f"space.{name}": array for name, array in model.space.to_arrays().items()}
    if model.averaged is not None:
        arrays |= {f"averaged.{name}": array for name, array in model.averaged.to_arrays().items()}
    if model.detector is not model.space:
        arrays |= {f"detector.{name}": array for name, array in model.detector.to_arrays().items()}
    return arrays


def unpack_model(arrays: Mapping[str, NDArray[Any]]) -> BaselineModel:
    """Return the model that `pack_model` stored. Raises EngineError for arrays of another version."""
    version = int(arrays["version"]) if "version" in arrays else None
    if version != VERSION:
        raise EngineError(
            f"the stored baseline has format version {version}, but version {VERSION} is required: "
            "upload the baseline again",
            code="model_version",
            params={"version": version, "required": VERSION},
        )
    document = json.loads(arrays["document"].tobytes())
    config = _config(document["config"])
    space = FeatureMahalanobis.from_arrays(_part(arrays, "space."))
    own, averaged = _part(arrays, "detector."), _part(arrays, "averaged.")
    detector = DETECTORS[config.detector].from_arrays(own) if own else space
    limits = arrays.get("limits", ONE_STATISTIC)
    dropped = arrays["scaling.dropped"]
    scaling = Scaling(
        document["scaling"]["kind"],
        document["scaling"]["reason"],
        arrays["scaling.mean"],
        arrays["scaling.std"],
        arrays["scaling.factor"],
        dropped,
        document["scaling"]["unit"],
        arrays.get("scaling.absent", np.zeros_like(dropped)),
        arrays.get("scaling.context", np.zeros_like(dropped)),
    )
    return BaselineModel(
        config=config,
        features=tuple(document["features"]),
        scaling=scaling,
        reference=ReferenceMap(
            arrays["reference.features"],
            arrays["reference.coordinates"],
            DistanceRange(*document["range"]),
            Similarity(**document["similarity"]),
            scaling.importance,
        ),
        coordinates=arrays["coordinates"],
        position_mean=arrays["position_mean"],
        position_std=arrays["position_std"],
        detector=detector,
        averaged=FeatureMahalanobis.from_arrays(averaged) if averaged else None,
        statistics=tuple(document.get("statistics", detector.names[: limits.size])),
        limits=limits,
        threshold=document["threshold"],
        baseline_distances=arrays["baseline_distances"],
        space=space,
        space_limit=document.get("space_limit", document["threshold"]),
        places=arrays.get("places", UNKNOWN),
        cost_per_pair=document["cost_per_pair"],
        iterations=document["iterations"],
        trustworthiness=document["trustworthiness"],
        report=BaselineReport.from_dict(document["report"]),
        sensors=tuple(document.get("sensors", ())),
    )


def _config(stored: Mapping[str, Any]) -> EngineConfig:
    """Return a stored configuration; a quantile of the baseline was once asked for under another name."""
    settings = {**stored, "severity_bands": tuple(stored["severity_bands"])}
    rule, quantile = settings.pop("threshold_rule", None), settings.pop("quantile", 0.0)
    if rule == "quantile":
        settings |= {"sensitivity": None, "false_alarm_rate": 1.0 - quantile}
    return EngineConfig(**settings)


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
