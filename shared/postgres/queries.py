"""Loads `queries.sql` files with aiosql, which makes each statement a method."""

from pathlib import Path
from typing import Any

import aiosql


def load_queries(module_file: str) -> Any:
    """The queries in the folder of the module with this `__file__`. The SQL itself names the parameters."""
    path = Path(module_file).with_name("queries.sql")
    return aiosql.from_path(path, "asyncpg", mandatory_parameters=False)
