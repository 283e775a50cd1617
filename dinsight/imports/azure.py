"""Reads what Azure AI Anomaly Detector (multivariate) worked on: a CSV file per variable, or one table.

Formats: learn.microsoft.com/azure/ai-services/anomaly-detector, "Prepare your data" (OneTable, MultiTable),
and the answers of the model and batch inference APIs (v1.1).
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dinsight.imports.dataset import Dataset, SourceFile, Span, moment_of
from dinsight.imports.errors import ImportRefused
from dinsight.imports.headers import header_of
from dinsight.imports.labels import known_events
from dinsight.imports.results import documents, flagged

SERVICE = "Azure AI Anomaly Detector"
VARIABLE_HEADER = {"timestamp", "value"}

MAX_UNPACKED_BYTES = 32 * 2**30
"""More than any export; a zip that promises more is damaged."""


def read_azure(
    source: Path,
    scratch: Path,
    *,
    machine: str | None = None,
    labels: Path | None = None,
    model: Path | None = None,
    results: Path | None = None,
    time_zone: str | None = None,
    time_format: str | None = None,
) -> Dataset:
    """Return the dataset in a folder or a zip, which is unpacked into `scratch`. Raises ImportRefused."""
    folder = _unpacked(source, scratch) if source.is_file() else source
    if not folder.is_dir():
        raise ImportRefused(f"{source} is neither a folder nor a zip archive.")
    paths = [
        path
        for path in sorted(folder.rglob("*.csv"))
        if "__MACOSX" not in path.parts and (labels is None or not path.samefile(labels))
    ]
    if not paths:
        raise ImportRefused(f"{source} has no CSV file.")
    files = _variables(paths) if len(paths) > 1 else [_table(paths[0])]
    dataset = Dataset(
        service=SERVICE,
        machine=machine or source.resolve().stem,
        files=files,
        sensors=[name for file in files for name in file.names if name.casefold() != "timestamp"],
        labels=known_events(labels, time_zone, time_format) if labels is not None else (),
    )
    if model is not None:
        dataset = replace(dataset, training=_trained(model))
    if results is not None:
        dataset = _inferred(dataset, results)
    return dataset


def _unpacked(source: Path, scratch: Path) -> Path:
    from services.analysis.engine.tables.unpacking import DAMAGE

    try:
        with zipfile.ZipFile(source) as archive:
            tables = [info for info in archive.infolist() if info.filename.casefold().endswith(".csv")]
            if sum(info.file_size for info in tables) > MAX_UNPACKED_BYTES:
                raise ImportRefused(f"{source} expands to more than {MAX_UNPACKED_BYTES // 2**30} GiB.")
            for info in tables:
                archive.extract(info, scratch)
    except DAMAGE as error:
        raise ImportRefused(f"{source} cannot be unpacked: {error}") from error
    return scratch


def _variables(paths: Sequence[Path]) -> list[SourceFile]:
    """Return the files of variables, each named after its file."""
    files = []
    for path in paths:
        header = header_of(path)
        if {name.casefold() for name in header} != VARIABLE_HEADER:
            raise ImportRefused(
                f"{path.name} must have the columns timestamp and value, as each of several files has, but"
                f" has {', '.join(header)}."
            )
        names = tuple("timestamp" if name.casefold() == "timestamp" else path.stem for name in header)
        files.append(SourceFile(path, path.name, names))
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ImportRefused(f"Two files are called {twice}.csv. A variable is named after its file.")
    return files


def _table(path: Path) -> SourceFile:
    header = header_of(path)
    if "timestamp" not in (name.casefold() for name in header):
        raise ImportRefused(f"{path.name} has no column timestamp.")
    names = tuple(path.stem if name == "value" and len(header) == 2 else name for name in header)
    return SourceFile(path, path.name, names)


def _trained(path: Path) -> Span | None:
    """Return the training range of the answer about a model."""
    for document in documents(path):
        info: Any = document.get("modelInfo", document)
        if isinstance(info, dict) and "startTime" in info and "endTime" in info:
            return Span(moment_of(info["startTime"], "startTime"), moment_of(info["endTime"], "endTime"))
    raise ImportRefused(f"{path} has no modelInfo with startTime and endTime.")


def _inferred(dataset: Dataset, path: Path) -> Dataset:
    """Return the dataset with the results of batch inference, and its range if it states one."""
    moments, evaluation = [], dataset.evaluation
    for document in documents(path):
        setup = document.get("summary", {}).get("setupInfo", {})
        if "startTime" in setup and "endTime" in setup:
            evaluation = Span(
                moment_of(setup["startTime"], "startTime"), moment_of(setup["endTime"], "endTime")
            )
        for entry in document.get("results", ()):
            value = entry.get("value") or {}
            moments.append((moment_of(entry["timestamp"], str(path)), bool(value.get("isAnomaly"))))
    return replace(dataset, evaluation=evaluation, found=flagged(moments))
