#!/bin/sh
# Writes the lock files anew from pyproject.toml, with the hash of every file. Needs uv (`pip install uv`).
# runtime.txt is what production holds, backup.txt what the program `backup` holds; lock.txt adds what a checkout needs
# (to run here, to test, to lint), bench.txt what the benchmarks are compared with, all at the same versions.
set -eu
cd "$(dirname "$0")/.."
options="--python-version 3.11 --no-header --no-annotate --generate-hashes --quiet"
uv pip compile $options "$@" --extra local --extra test pyproject.toml -o requirements/lock.txt
uv pip compile $options -c requirements/lock.txt pyproject.toml -o requirements/runtime.txt
uv pip compile $options -c requirements/lock.txt --extra local --extra bench pyproject.toml -o requirements/bench.txt
uv pip compile $options -c requirements/lock.txt requirements/backup.in -o requirements/backup.txt
