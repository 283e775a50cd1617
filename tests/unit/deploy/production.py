"""What production consists of: our folders in the image, and the packages of its lock file."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from tests.unit.deploy.programs import ROOT

PRODUCTION = ("dinsight", "services", "shared")
NOT_SHIPPED = frozenset({"bench", "docs", "tests", "tools"})
LOCK = ROOT / "requirements" / "runtime.txt"


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> set[str]:
    """The packages that production has."""
    return {normalized(name) for name in re.findall(r"^([\w.-]+)==", LOCK.read_text("utf-8"), re.MULTILINE)}


def declared() -> set[str]:
    """The packages that the project asks for by name, without extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {normalized(re.split(r"[\[<>=! ]", line)[0]) for line in project["dependencies"]}


def outside_the_lock() -> set[str]:
    """Top-level modules of the packages installed here that production has not, and of our own that stay."""
    packages = locked()
    found = packages_distributions()
    return set(NOT_SHIPPED) | {
        module
        for module, distributions in found.items()
        if not packages & {normalized(name) for name in distributions} and module not in PRODUCTION
    }


def modules(*folders: str) -> Iterator[str]:
    """Every module that can be imported; migrations and programs are run."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if not {"migrations", "alembic", "__main__"} & set(parts):
                yield ".".join(part for part in parts if part != "__init__")
