"""Pins every image that others make to its digest, in docker-compose.yml and the Dockerfiles.

Usage: `python3 deploy/pin_images.py`, with Docker's buildx, which asks the registry. Standard library only.
A tag can be moved to another image, a digest cannot. What is pinned is pinned anew, to what its tag names.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("docker-compose.yml", "deploy/Dockerfile", "deploy/backup.Dockerfile")
# Our own images are built here, and have no digest before.
OURS = re.compile(r"dinsight(-backup)?:")
IMAGE = re.compile(
    r"^(?P<before>\s*image: |FROM )(?P<name>[\w./-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?(?P<after>.*)$",
    re.MULTILINE,
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pinned(text: str, resolve: Callable[[str], str]) -> str:
    """The text with the digest of each image behind its tag."""

    def pin(match: re.Match[str]) -> str:
        name = match["name"]
        digest = "" if OURS.match(name) else f"@{resolve(name)}"
        return f"{match['before']}{name}{digest}{match['after']}"

    return IMAGE.sub(pin, text)


def ask_registry(image: str) -> str:
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    if not DIGEST.fullmatch(digest):
        raise ValueError(f"the registry's answer about {image} is no digest: {digest!r}")
    return digest


def main() -> int:
    known: dict[str, str] = {}

    def resolve(image: str) -> str:
        if image not in known:
            known[image] = ask_registry(image)
            sys.stdout.write(f"{image} {known[image]}\n")
        return known[image]

    texts = {ROOT / name: pinned((ROOT / name).read_text(encoding="utf-8"), resolve) for name in FILES}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
