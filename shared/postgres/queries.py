"""Loads SQL files with aiosql, which makes each statement a method."""

from pathlib import Path
from typing import Any, TypeAlias

import aiosql

# Each query is a method, whose first argument is the connection.
Queries: TypeAlias = Any


def load_queries(module_file: str) -> Queries:
    """The queries in the folder of the module with this `__file__`. The SQL itself names the parameters."""
    files = sorted(Path(module_file).parent.glob("*.sql"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return aiosql.from_str(text, "asyncpg", mandatory_parameters=False)
