"""Loads `queries.sql` files with aiosql, which makes each statement a method."""

from pathlib import Path
from typing import Any, TypeAlias

import aiosql

# Each query is a method, whose first argument is the connection.
Queries: TypeAlias = Any


def load_queries(module_file: str) -> Queries:
    """The queries in the folder of the module with this `__file__`. The SQL itself names the parameters."""
    path = Path(module_file).with_name("queries.sql")
    return aiosql.from_path(path, "asyncpg", mandatory_parameters=False)
