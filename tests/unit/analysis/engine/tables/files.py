"""What the tests of reading share: a small file in, samples or the refusal out."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import EngineConfig, Limits, ReadingConfig, TableError, open_table
from services.analysis.engine.tables.understood import LeftOut, Understood

NAME = "press.csv"
CONFIG = EngineConfig(end_meta="m", start_dim="a", end_dim="b")


@dataclass(frozen=True)
class Read:
    """What was read of a file."""

    features: NDArray[np.float64]
    metadata: list[dict[str, Any]]
    missing: dict[str, Counter[str]]
    left_out: list[LeftOut]
    understood: Understood


def read(
    content: bytes | str, config: EngineConfig = CONFIG, limits: Limits | None = None, **how: Any
) -> Read:
    """Read a file with the reading configuration `how`."""
    data = content.encode() if isinstance(content, str) else content
    reader = open_table(
        io.BytesIO(data), name=NAME, config=config, reading=ReadingConfig(**how).validate(), limits=limits
    )
    chunks = list(reader)
    return Read(
        np.concatenate([chunk.features for chunk in chunks]),
        [entry for chunk in chunks for entry in chunk.metadata],
        reader.facts.missing,
        reader.facts.left_out,
        reader.understood[0],
    )


def refusal(
    content: bytes | str, config: EngineConfig = CONFIG, limits: Limits | None = None, **how: Any
) -> TableError:
    """Return the error of a file that must be refused."""
    with pytest.raises(TableError) as caught:
        read(content, config, limits, **how)
    assert caught.value.file is not None
    return caught.value


def advised(content: bytes | str, error: TableError, config: EngineConfig = CONFIG, **how: Any) -> Read:
    """Follow an error's proposal. It must help."""
    assert error.proposal is not None, error
    return read(
        content,
        config,
        **{**how, **{k: tuple(v) if isinstance(v, list) else v for k, v in error.proposal.items()}},
    )
