"""The page's map beside Plotly's gl2d bundle: the same samples, the same browser, one run.

`python -m bench.web_map [--counts 100000] [--repeats 3]` needs Chromium, and npm to fetch Plotly (compared
with the checksum below). Each measurement is a fresh page: the time until the first picture is complete, the
median time of a frame while the map is moved and zoomed, and the size of the scripts, compressed. A picture
counts only if its pixels show samples. Under a policy Plotly logs errors and still resolves, so it is
measured without one; the page's map is measured under the page's own policy. Both take turns, so that other
load meets both. Where a browser draws slowly, the page's map shows samples as a density while it moves: "all"
is a frame with all samples.
"""

import argparse
import gzip
import hashlib
import shutil
import statistics
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from services.web.assets.service import ROOT as ASSETS
from services.web.layout.pages import CONTENT_SECURITY_POLICY

HERE = Path(__file__).resolve().parent
PLOTLY = "plotly.js-gl2d-dist-min@3.7.0"
PLOTLY_SHA256 = "d396c0d59e2844a167dc4aca8469fe1653060cb105f4d7cbd47b3c7788b1e750"
MODULES = tuple(
    f"map/{name}.js"
    for name in (
        "map",
        "colours",
        "density",
        "gestures",
        "grid",
        "painter",
        "samples",
        "scales",
        "shaders",
        "view",
    )
)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
PATIENCE_MS = 180_000
# A picture of nothing has one colour; hatching and axes have a few.
MIN_COLOURS = 8


class Files(BaseHTTPRequestHandler):
    """Serves the page's assets and this folder."""

    def __init__(self, plotly: Path, *args: Any) -> None:
        self._plotly = plotly
        super().__init__(*args)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        file = self._file(path)
        if file is None or not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        if "which=plotly" not in query:
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(content)

    def _file(self, path: str) -> Path | None:
        if path == "/":
            return HERE / "index.html"
        if path == "/bench/plotly.js":
            return self._plotly
        for prefix, root in (("/bench/", HERE), ("/assets/", ASSETS)):
            if path.startswith(prefix) and ".." not in path:
                return root / path.removeprefix(prefix)
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        plotly = fetched(Path(folder))
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=False)
        with served(plotly) as address:
            for count in asked.counts:
                measure(browser, address, plotly, count, asked.repeats)
        browser.close()


def measure(browser: Browser, address: str, plotly: Path, count: int, repeats: int) -> None:
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "plotly": []}
    for _ in range(repeats):
        for which, found in runs.items():
            found.append(shown(browser, f"{address}/?which={which}&count={count}"))
    table = Table(
        "map",
        "first picture (ms)",
        "a frame, all (ms)",
        "a moving frame (ms)",
        "one pick (ms)",
        "script (kB, gzip)",
    )
    figures = {
        which: (best(found, "first"), best_frame(found, "all"), best_frame(found, "frames"))
        for which, found in runs.items()
    }
    sizes = {"ours": sum(compressed(ASSETS / "js" / each) for each in MODULES), "plotly": compressed(plotly)}
    for which, name in (("ours", "DInsight"), ("plotly", "Plotly gl2d")):
        first, whole, frame = figures[which]
        pick = f"{best(runs[which], 'pick'):.3f}" if which == "ours" else ""
        table.add_row(
            name, f"{first:.0f}", f"{whole:.1f}", f"{frame:.1f}", pick, f"{sizes[which] / 1000:.1f}"
        )
    share = figures["ours"][0] / figures["plotly"][0]
    whole, rate = (figures["plotly"][place] / figures["ours"][place] for place in (1, 2))
    console = Console(width=110)
    console.print(f"{count:,} samples, the best of {repeats} fresh pages each", table)
    console.print(
        f"The first picture takes {share:.2f} of Plotly's time; frames per second: {rate:.1f} times as many"
        f" while moving, {whole:.1f} times as many with all samples.\n"
    )


def shown(browser: Browser, address: str) -> dict[str, Any]:
    page = browser.new_page(viewport={"width": 940, "height": 640})
    try:
        page.goto(address, wait_until="commit")
        page.wait_for_function("() => window.found !== undefined", timeout=PATIENCE_MS)
        found: dict[str, Any] = page.evaluate("() => window.found")
        if "error" in found:
            raise SystemExit(f"error: {address}: {found['error']}")
        colours = page.evaluate(COLOURS, page.screenshot(type="png").hex())
        if colours < MIN_COLOURS:
            raise SystemExit(f"error: {address} shows {colours} colours, so no samples were drawn")
        return found
    finally:
        page.close()


COLOURS = """async (hex) => {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(100, 100, picture.width - 200, picture.height - 200);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
}"""


def best(runs: list[dict[str, Any]], name: str) -> float:
    return min(float(run[name]) for run in runs)


def best_frame(runs: list[dict[str, Any]], name: str) -> float:
    return min(float(statistics.median(run[name])) for run in runs)


def compressed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 9))


def fetched(folder: Path) -> Path:
    """Plotly's bundle, from the registry that npm is set up for."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("error: npm is needed to fetch Plotly: install Node")
    done = subprocess.run(  # noqa: S603
        [npm, "pack", "--silent", PLOTLY], cwd=folder, check=True, capture_output=True, text=True
    )
    archive = folder / done.stdout.split()[-1]
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    file = folder / "package" / "plotly-gl2d.min.js"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != PLOTLY_SHA256:
        raise SystemExit(f"error: {PLOTLY} has the checksum {digest}, not {PLOTLY_SHA256}")
    return file


@contextmanager
def served(plotly: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, plotly))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
