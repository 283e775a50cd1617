"""The image of the program `backup` has the server's own programs, and the packages that its code imports."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.unit.deploy.compose import compose
from tests.unit.deploy.production import normalized
from tests.unit.deploy.programs import ROOT

DOCKERFILE = (ROOT / "deploy" / "backup.Dockerfile").read_text(encoding="utf-8")
IGNORE = (ROOT / "deploy" / "backup.Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
PROGRAM = """
import sys
import dinsight.cli, dinsight.backup.main, dinsight.backup.escrow
import dinsight.backup.restoring, dinsight.backup.verify
print("\\n".join({module.partition(".")[0] for module in sys.modules}))
"""
# Packages that other packages import where they are installed.
OPTIONAL = {"attrs", "email-validator", "greenlet", "psutil", "pygments", "setuptools"}


def listed(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {
        normalized(package): version
        for package, version in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    }


def test_its_base_is_the_server_that_it_backs_up() -> None:
    base = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert base == [compose()["services"]["postgres"]["image"]]
    # The owner of the server's data, in the base image.
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "70:70"


def test_everything_copied_exists_and_is_let_into_the_build() -> None:
    copied = [
        line.split()[1].removeprefix("./") for line in DOCKERFILE.splitlines() if line.startswith("COPY")
    ]
    assert all((ROOT / path).exists() for path in copied)
    assert sorted(copied) == sorted(line[1:] for line in IGNORE if line.startswith("!"))


def test_packages_are_those_of_the_lock_and_all_that_the_program_imports() -> None:
    backup, lock = listed("backup.txt"), listed("runtime.txt")
    assert backup.items() <= lock.items()
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    distributions = packages_distributions()
    imported = {
        normalized(package) for module in printed.stdout.split() for package in distributions.get(module, ())
    }
    assert imported - backup.keys() - OPTIONAL - {"dinsight"} == set()
