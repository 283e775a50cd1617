"""The files that pages load, compressed once, at addresses that change with their content."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SUFFIXES = frozenset({".css", ".js", ".svg", ".woff2", ".png", ".json"})
# Compressed by their format.
DENSE = frozenset({".woff2", ".png"})
MODULE = "text/javascript; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    compressed: bytes | None


class Assets:
    """`version` is a hash of all files, so that a browser never mixes files of two releases."""

    def __init__(self, root: Path = ROOT) -> None:
        files = sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)
        self._assets: Mapping[str, Asset] = {path.relative_to(root).as_posix(): _read(path) for path in files}
        digest = hashlib.sha256()
        for name, asset in self._assets.items():
            digest.update(name.encode() + b"\0" + asset.content)
        self.version = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Raises KeyError for a file that does not exist: a page must not name it."""
        self._assets[name]
        return f"/assets/{self.version}/{name}"

    def get(self, name: str) -> Asset | None:
        return self._assets.get(name)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = (
        MODULE if path.suffix == ".js" else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    # Without a time, the same file gives the same bytes in every instance.
    compressed = None if path.suffix in DENSE else gzip.compress(content, 9, mtime=0)
    return Asset(content, media_type, compressed)
