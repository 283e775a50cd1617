#!/bin/sh
# Writes both lock files anew from pyproject.toml, with the hash of every file. Needs uv (`pip install uv`).
# runtime.txt is what the image holds; lock.txt adds what tests and linters need, bench.txt what the benchmarks are
# compared with, all at the same versions.
set -eu
cd "$(dirname "$0")/.."
options="--python-version 3.11 --no-header --no-annotate --generate-hashes --quiet"
uv pip compile $options "$@" --extra test pyproject.toml -o requirements/lock.txt
uv pip compile $options -c requirements/lock.txt pyproject.toml -o requirements/runtime.txt
uv pip compile $options -c requirements/lock.txt --extra bench pyproject.toml -o requirements/bench.txt
