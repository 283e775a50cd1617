"""How long reading a text file takes in each dialect, as a ratio to the plain one.

`python -m bench.reading [--megabytes 200] [--columns 64] [--reference FOLDER]`. The same rows are written in
every dialect, and read as a worker reads them. With a checkout of another version as reference, that version
reads the plain file, too; rounds alternate, and the fastest counts. The seconds of a core (of all threads)
hold on a busy machine, too. The files are in a temporary folder.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.child import scratch
from services.analysis.jobs.reading import CHUNK_SAMPLES

BLOCK_ROWS = 500
ROUNDS = 3

READ = """
import sys, time
from services.analysis.engine import EngineConfig, open_table
config = EngineConfig(end_meta="machine", start_dim="f_0", end_dim=sys.argv[2])
began, busy = time.perf_counter(), time.process_time()
rows = sum(len(c.metadata) for c in open_table(sys.argv[1], name="t", config=config,
chunk_rows=int(sys.argv[3])))
print(time.perf_counter() - began, time.process_time() - busy)
"""


def rows_of(columns: int) -> list[list[str]]:
    """Rows of a machine's name and numbers with six decimals."""
    values = np.random.default_rng(1).normal(50.0, 30.0, size=(BLOCK_ROWS, columns))
    values[:, ::7] *= 100.0
    return [["press 7", *(f"{value:.6f}" for value in row)] for row in values]


def joined(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    """The text of rows."""
    return end.join(delimiter.join(row) for row in rows) + end


def german(rows: list[list[str]], groups: bool) -> list[list[str]]:
    """The rows with decimal commas, and with points between thousands."""
    found = []
    for row in rows:
        cells = [f"{float(cell):,.6f}" if groups else cell for cell in row[1:]]
        found.append([row[0], *(cell.translate(str.maketrans(".,", ",.")) for cell in cells)])
    return found


def with_words(rows: list[list[str]]) -> list[list[str]]:
    """The rows with a historian's words in one of twenty cells."""
    words = ("Bad", "", "I/O Timeout", "NaN")
    return [
        [cell if place == 0 or (place + line) % 20 else words[line % 4] for place, cell in enumerate(row)]
        for line, row in enumerate(rows)
    ]


DIALECTS: dict[str, Callable[[list[list[str]]], str]] = {
    "plain": joined,
    "semicolon, decimal point": lambda rows: joined(rows, ";"),
    "semicolon, decimal comma": lambda rows: joined(german(rows, False), ";"),
    "decimal comma and thousands": lambda rows: joined(german(rows, True), ";"),
    "tab, CR LF": lambda rows: joined(rows, "\t", "\r\n"),
    "blanks": lambda rows: joined([[row[0].replace(" ", "_"), *row[1:]] for row in rows], "  "),
    "quoted": lambda rows: joined([[f'"{cell}"' for cell in row] for row in rows]),
    "status words": lambda rows: joined(with_words(rows)),
    "UTF-16": joined,
    "Windows-1252": lambda rows: joined([[row[0].replace("e", "é"), *row[1:]] for row in rows]),
    "trailing delimiters": lambda rows: joined([[*row, ""] for row in rows]),
    "padded": lambda rows: joined(rows, ", "),
}
ENCODINGS = {"UTF-16": "utf-16-le", "Windows-1252": "cp1252"}
DELIMITERS = {"blanks": "  ", "tab, CR LF": "\t"}


def write(path: Path, kind: str, rows: list[list[str]], size: int) -> None:
    """Write a file of about `size` bytes as UTF-8 would take."""
    block = DIALECTS[kind](rows)
    delimiter = DELIMITERS.get(kind, ";" if "semicolon" in kind or "thousands" in kind else ",")
    header = delimiter.join(["machine", *(f"f_{place}" for place in range(len(rows[0]) - 1))]) + "\n"
    encoding = ENCODINGS.get(kind, "utf-8")
    content = block.encode(encoding)
    with path.open("wb") as file:
        file.write(header.encode(encoding))
        for _ in range(max(1, round(size / len(block)))):
            file.write(content)


def seconds(path: Path, last: str, folder: Path) -> tuple[float, float]:
    """Read a file with the code in a folder, in a process of its own: seconds by the clock, and of a core."""
    command = [sys.executable, "-c", READ, str(path), last, str(CHUNK_SAMPLES)]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True)  # noqa: S603
    clock, core = map(float, done.stdout.split())
    return clock, core


Times = list[tuple[tuple[float, float], tuple[float, float]]]


def row_of(kind: str, times: Times) -> tuple[str, str, str, str, str]:
    """Return a row of the table: the fastest round of the plain file and of this one, by either measure."""
    base, mine = (tuple(min(each[side][measure] for each in times) for measure in (0, 1)) for side in (0, 1))
    return kind, f"{mine[0]:.2f}", f"{mine[0] / base[0]:.2f}", f"{mine[1]:.2f}", f"{mine[1] / base[1]:.2f}"


def main() -> None:
    """Print the time of each dialect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--dialects", nargs="+", choices=DIALECTS, default=list(DIALECTS))
    arguments = parser.parse_args()
    rows, last = rows_of(arguments.columns), f"f_{arguments.columns - 1}"
    here = Path.cwd()
    table = Table(title=f"{arguments.megabytes:g} MB, {arguments.columns} columns; ratios to plain")
    for heading in ("dialect", "seconds", "ratio", "core seconds", "core ratio"):
        table.add_column(heading, justify="left" if heading == "dialect" else "right")
    with scratch() as folder:
        plain = folder / "plain.csv"
        write(plain, "plain", rows, int(arguments.megabytes * 1e6))
        for kind in arguments.dialects:
            path = folder / "table.csv"
            write(path, kind, rows, int(arguments.megabytes * 1e6))
            times = [(seconds(plain, last, here), seconds(path, last, here)) for _ in range(ROUNDS)]
            table.add_row(*row_of(kind, times))
            path.unlink()
        if arguments.reference:
            other = arguments.reference
            times = [(seconds(plain, last, here), seconds(plain, last, other)) for _ in range(ROUNDS)]
            table.add_row(*row_of("plain, by the reference", times))
    Console().print(table)


if __name__ == "__main__":
    main()
