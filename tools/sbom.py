"""Software bills of materials (CycloneDX 1.6, JSON) of what is released: `make sbom`.

One of the wheel, and one of the Python packages of each image, from the lock files with their hashes.
`.ci/release` adds those of whole images, which need an engine that builds them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "dist" / "sbom"
# The wheel has the packages of the services' image.
LOCKS: Mapping[str, str] = {
    "dinsight-wheel": "runtime.txt",
    "dinsight-image": "runtime.txt",
    "dinsight-backup-image": "backup.txt",
}


def write(folder: Path, locks: Mapping[str, str] = LOCKS) -> list[Path]:
    """Write all; the same packages give the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, lock in locks.items():
        path = folder / f"{name}.cdx.json"
        command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(ROOT / "requirements" / lock)]
        command += ["--pyproject", str(ROOT / "pyproject.toml"), "--sv", "1.6", "--of", "JSON"]
        command += ["--output-reproducible", "--validate", "-o", str(path)]
        subprocess.run(command, check=True)  # noqa: S603 - our own words
        written.append(path)
    return written


def main() -> int:
    for path in write(FOLDER):
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
