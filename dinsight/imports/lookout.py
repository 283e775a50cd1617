"""Reads what Amazon Lookout for Equipment worked on: component folders, schema, labels, model.

Formats: docs.aws.amazon.com/lookout-for-equipment/latest/ug, "Formatting your data", "Python SDK examples"
(schema), "Labeling your data", and the answers of DescribeModel and of inference.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dinsight.imports.dataset import Dataset, SourceFile, Span, moment_of
from dinsight.imports.errors import ImportRefused
from dinsight.imports.headers import distinct, header_of
from dinsight.imports.labels import known_events
from dinsight.imports.results import documents, flagged

SERVICE = "Lookout for Equipment"
SENSOR_TYPE = "DOUBLE"


def read_lookout(
    folder: Path,
    *,
    machine: str | None = None,
    schema: Path | None = None,
    labels: Path | None = None,
    model: Path | None = None,
    results: Path | None = None,
    time_zone: str | None = None,
    time_format: str | None = None,
) -> Dataset:
    """Return the dataset in a folder: `component/file.csv`, and beside the components a schema (JSON with
    `Components`), labels (`label*.csv`) and the answer of DescribeModel (JSON with `ModelArn`), unless they
    are named. Raises ImportRefused."""
    if not folder.is_dir():
        raise ImportRefused(f"{folder} is not a folder.")
    found_schema, found_model = _documents(folder)
    described = _json(schema) if schema is not None else found_schema
    trained = _json(model) if model is not None else found_model
    labels = labels or _labels_in(folder)
    components = _components(folder, labels)
    if not components:
        raise ImportRefused(f"{folder} has no CSV files in folders of components (component/file.csv).")
    sensors = {name: _sensors(name, files, described) for name, files in components.items()}
    renamed = distinct(sensors)
    files = [
        _source(path, component, renamed[component])
        for component, paths in components.items()
        for path in paths
    ]
    dataset = Dataset(
        service=SERVICE,
        machine=machine or str((trained or {}).get("DatasetName") or folder.resolve().name),
        files=files,
        sensors=[renamed[component][name] for component, names in sensors.items() for name in names],
        labels=known_events(labels, time_zone, time_format) if labels is not None else (),
    )
    if trained is not None:
        dataset = _as_trained(dataset, trained)
    if results is not None:
        dataset = replace(dataset, found=_inferred(results))
    return dataset


def _documents(folder: Path) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    schema = model = None
    for path in sorted(folder.glob("*.json")):
        content = _json(path)
        if "Components" in content:
            schema = content
        elif "ModelArn" in content or "TrainingDataStartTime" in content:
            model = content
    return schema, model


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ImportRefused(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ImportRefused(f"{path} must hold a JSON object.")
    inline = content.get("InlineDataSchema") or content.get("Schema")
    return json.loads(inline) if isinstance(inline, str) and "Components" not in content else content


def _labels_in(folder: Path) -> Path | None:
    found = [path for path in sorted(folder.rglob("*.csv")) if _is_labels(path, folder)]
    if len(found) > 1:
        shown = ", ".join(str(path.relative_to(folder)) for path in found)
        raise ImportRefused(f"Several files may be the labels: {shown}. Name one with --labels.")
    return found[0] if found else None


def _is_labels(path: Path, folder: Path) -> bool:
    return any(part.casefold().startswith("label") for part in path.relative_to(folder).parts)


def _components(folder: Path, labels: Path | None) -> dict[str, list[Path]]:
    """Return the files of each component, the folder below which they lie; a file beside them is its own."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.csv")):
        if _is_labels(path, folder) or (labels is not None and path.samefile(labels)):
            continue
        parts = path.relative_to(folder).parts
        found[parts[0] if len(parts) > 1 else path.stem].append(path)
    return dict(found)


def _sensors(component: str, files: Sequence[Path], schema: Mapping[str, Any] | None) -> list[str]:
    """Return the names of a component's sensors: by the schema, or else all columns but the first."""
    header = header_of(files[0])
    for path in files[1:]:
        if set(header_of(path)) != set(header):
            raise ImportRefused(f"{path} has other columns than {files[0]}, of the same component.")
    if schema is None:
        return list(header[1:])
    for entry in schema.get("Components", ()):
        if entry.get("ComponentName") == component:
            names = [each["Name"] for each in entry["Columns"] if each.get("Type") == SENSOR_TYPE]
            absent = [name for name in names if name not in header]
            if absent:
                raise ImportRefused(f"{files[0]} has no column {absent[0]!r}, which the schema names.")
            return names
    raise ImportRefused(f"The schema has no component {component!r}.")


def _source(path: Path, component: str, renamed: Mapping[str, str]) -> SourceFile:
    names = tuple(renamed.get(name, name) for name in header_of(path))
    return SourceFile(path, f"{component}/{path.name}", names)


def _as_trained(dataset: Dataset, model: Mapping[str, Any]) -> Dataset:
    """Return the dataset with the ranges and results of the answer of DescribeModel."""
    rate = model.get("DataPreProcessingConfiguration", {}).get("TargetSamplingRate")
    metrics = model.get("ModelMetrics")
    content = json.loads(metrics) if isinstance(metrics, str) else metrics or {}
    found = content.get("predicted_ranges")
    notes = list(dataset.notes)
    if model.get("OffCondition"):
        notes.append(
            f"The model was off when {model['OffCondition']}. Say so with --off-when, in the names of this"
            " import."
        )
    return replace(
        dataset,
        training=_range(model, "Training"),
        evaluation=_range(model, "Evaluation"),
        resample=rate,
        found=None if found is None else [_span(each, "ModelMetrics") for each in found],
        notes=tuple(notes),
    )


def _range(model: Mapping[str, Any], name: str) -> Span | None:
    start, end = (model.get(f"{name}Data{which}Time") for which in ("Start", "End"))
    if start is None or end is None:
        return None
    return Span(moment_of(start, f"{name}DataStartTime"), moment_of(end, f"{name}DataEndTime"))


def _span(entry: Mapping[str, Any], what: str) -> Span:
    return Span(moment_of(entry["start"], what), moment_of(entry["end"], what))


def _inferred(path: Path) -> list[Span]:
    """Return the spans that results of inference call anomalous: `timestamp` and `prediction` per line."""
    moments: Iterator[tuple[str, bool]] = (
        (entry["timestamp"], bool(entry["prediction"]))
        for entry in documents(path)
        if "timestamp" in entry and "prediction" in entry
    )
    return flagged((moment_of(text, str(path)), on) for text, on in moments)
