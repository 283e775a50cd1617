"""The files of npm packages that the page and its tests hold: `python -m tools.vendored` checks them.

`python -m tools.vendored --renew` fetches them anew, in the versions of the manifest, with `npm pack`; only
that needs Node.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = Path(__file__).with_name("vendored.json")


def changed() -> list[str]:
    """The files that are missing, or differ from what the manifest says."""
    return [
        name
        for package in json.loads(MANIFEST.read_text(encoding="utf-8"))
        for name, file in package["files"].items()
        if not (ROOT / name).is_file() or _checksum((ROOT / name).read_bytes()) != file["sha256"]
    ]


def renew() -> None:
    """Write every file from its package, and its checksum into the manifest."""
    packages = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for package in packages:
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", f"{package['name']}@{package['version']}", "--pack-destination", folder]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - names of the manifest
            [archive] = Path(folder).glob("*.tgz")
            content = archive.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            for name, file in package["files"].items():
                member = files.extractfile("package/" + file["from"])
                assert member is not None, file["from"]
                (ROOT / name).write_bytes(member.read())
                file["sha256"] = _checksum((ROOT / name).read_bytes())
    MANIFEST.write_text(json.dumps(packages, indent=2) + "\n", encoding="utf-8")


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", help="fetch the files in the manifest's versions")
    if parser.parse_args().renew:
        renew()
    for name in changed():
        sys.stdout.write(f"{name} is not what {MANIFEST.name} says\n")
    return 1 if changed() else 0


if __name__ == "__main__":
    sys.exit(main())
