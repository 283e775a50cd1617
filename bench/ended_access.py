"""How long programs accept tokens of access that has ended: `python -m bench.ended_access`.

Each program is asked directly, every ten milliseconds, from the answer to the request that ends the access.
"""

import argparse
import asyncio
import statistics
import sys
from collections import defaultdict

from rich.console import Console
from rich.table import Table

from tests.e2e.endings import ENDINGS, STREAM, scene, seconds_until_refused
from tests.stack import FOR_MANY_CALLS, Stack

COLUMNS = ("auth", "machines", "analysis", "alerting", "gateway", "gateway, API key", STREAM)
MAX_SECONDS = 2.0


async def measured(stack: Stack, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by ending and program."""
    found: dict[str, dict[str, list[float]]] = {}
    for ending in ENDINGS:
        seconds = found[ending.name] = defaultdict(list)
        for _ in range(rounds):
            async with scene(stack) as all_of_it:
                for program, value in (await seconds_until_refused(all_of_it, ending)).items():
                    seconds[program].append(value)
    return found


def shown(values: list[float]) -> str:
    """Median and maximum, in milliseconds."""
    return f"{statistics.median(values) * 1000:.0f} / {max(values) * 1000:.0f}" if values else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with Stack(settings=FOR_MANY_CALLS) as stack:
        stack.wait_ready()
        found = asyncio.run(measured(stack, rounds))
    table = Table(title=f"Milliseconds until refusal: median / maximum of {rounds}", box=None)
    for heading in ("access ends by", *COLUMNS):
        table.add_column(heading, justify="left" if heading == "access ends by" else "right")
    for name, seconds in found.items():
        table.add_row(name, *(shown(seconds[program]) for program in COLUMNS))
    Console(width=160).print(table)
    longest = max(value for seconds in found.values() for values in seconds.values() for value in values)
    print(f"longest: {longest * 1000:.0f} ms; must be below {MAX_SECONDS * 1000:.0f} ms")
    return 0 if longest < MAX_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
