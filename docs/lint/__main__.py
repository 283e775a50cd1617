"""`python -m docs.lint`: the OpenAPI and AsyncAPI documents by the recommended rules of Redocly and Spectral,
and the types of the page's modules.

The programs need Node; their versions stand in package-lock.json, and they are installed into `.node/`. So is
Swagger UI, whose files the gateway serves: `--vendor` copies them, and without it they are compared.
"""

import argparse
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSTALLED = ROOT / ".node"
MODULES = INSTALLED / "node_modules"
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")
DOCUMENTS = ("docs/openapi.json", "docs/asyncapi.json")
SWAGGER_UI = ROOT / "services" / "gateway" / "docs" / "page" / "swagger-ui"
# No telemetry is sent, and no update is looked for.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_UPDATE_NOTIFIER": "1"}


def checks() -> Iterator[list[str]]:
    """The commands; each fails on a warning too."""
    programs = MODULES / ".bin"
    redocly = ("lint", "--config", "docs/lint/redocly.yaml", "--format", "stylish")
    yield [str(programs / "redocly"), *redocly, *DOCUMENTS]
    spectral = ("lint", "--ruleset", "docs/lint/spectral.yaml", "--fail-severity", "warn", "--quiet")
    yield [str(programs / "spectral"), *spectral, *DOCUMENTS]
    # Modules whose comments name types begin with `// @ts-check`.
    yield [str(programs / "tsc"), "--project", "docs/lint/tsconfig.json"]


def run(command: Sequence[str], folder: Path = ROOT) -> int:
    done = subprocess.run(command, cwd=folder, env={**os.environ, **QUIET}, check=False)  # noqa: S603 - no shell
    return done.returncode


def install(npm: str) -> bool:
    """Whether the packages of the lock file are there now."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PACKAGE_FILES)).hexdigest()
    stamp = INSTALLED / "stamp"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return True
    INSTALLED.mkdir(exist_ok=True)
    for name in PACKAGE_FILES:
        shutil.copyfile(HERE / name, INSTALLED / name)
    # Scripts of packages would run code that nobody here has looked at.
    if run([npm, "ci", "--ignore-scripts"], INSTALLED):
        return False
    stamp.write_text(digest, encoding="utf-8")
    return True


def vendored() -> list[str]:
    """The files of Swagger UI that are not those of the package."""
    package = MODULES / "swagger-ui-dist"
    _, differing, missing = filecmp.cmpfiles(
        package, SWAGGER_UI, [path.name for path in SWAGGER_UI.iterdir()], shallow=False
    )
    return differing + missing


def vendor() -> None:
    for path in SWAGGER_UI.iterdir():
        shutil.copyfile(MODULES / "swagger-ui-dist" / path.name, path)


def main(arguments: Sequence[str]) -> int:
    reader = argparse.ArgumentParser(prog="python -m docs.lint", description=__doc__)
    reader.add_argument("--vendor", action="store_true", help="take Swagger UI's files from the package")
    wanted = reader.parse_args(arguments)
    say = sys.stdout.write
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        say("Node is not installed: documents and modules are not checked.\n")
        return 0
    if not install(npm):
        say("The packages cannot be installed: documents and modules are not checked.\n")
        return 0
    if wanted.vendor:
        vendor()
    changed = vendored()
    for name in changed:
        say(f"{SWAGGER_UI.relative_to(ROOT) / name} is not the file of swagger-ui-dist\n")
    codes = [run(command) for command in checks()]
    return 1 if changed or any(codes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
