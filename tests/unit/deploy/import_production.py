"""Imports all that production runs while only the packages of its lock file can be found.

Run as a process of its own, which has imported nothing else: `python -m tests.unit.deploy.import_production`.
Prints the modules imported.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from tests.unit.deploy.production import PRODUCTION, modules, outside_the_lock


class OnlyProduction(MetaPathFinder):
    """Hides every package that the image lacks; the platform's own folders that do not ship, too."""

    def __init__(self) -> None:
        self._hidden = outside_the_lock()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self._hidden:
            raise ModuleNotFoundError(f"production has no {name}", name=name)
        return None


def main() -> None:
    names = list(modules(*PRODUCTION))
    sys.meta_path.insert(0, OnlyProduction())
    for name in names:
        importlib.import_module(name)
    sys.stdout.write("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
