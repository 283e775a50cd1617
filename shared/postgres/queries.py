"""Loads a service's `queries.sql`: each statement named and described, run by its name (aiosql)."""

from pathlib import Path
from typing import Any

import aiosql


def load_queries(module_file: str) -> Any:
    """The queries beside the module whose `__file__` is given. Parameters are named in the SQL itself."""
    path = Path(module_file).with_name("queries.sql")
    return aiosql.from_path(path, "asyncpg", mandatory_parameters=False)
