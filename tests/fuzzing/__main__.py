"""`make fuzz`: a deep run with new data each time, on a platform of its own."""

import argparse
import secrets
import sys

from tests.e2e.plant import Plant
from tests.fuzzing.run import fuzz
from tests.stack import FOR_MANY_CALLS, Stack

# An access token is valid for an hour at most, so a run must not take longer.
MAX_SECONDS = 3_000.0


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    reader.add_argument("--examples", type=int, default=50, help="for each operation and phase")
    reader.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="of a run to repeat")
    wanted = reader.parse_args()
    settings = {**FOR_MANY_CALLS, "DINSIGHT_AUTH_ACCESS_TOKEN_MINUTES": "60"}
    with Stack(settings=settings) as stack, Plant.joined(stack.gateway_url) as plant:
        token = plant.headers["Authorization"].removeprefix("Bearer ")
        done = fuzz(
            stack.gateway_url,
            token,
            examples=wanted.examples,
            options=("--seed", str(wanted.seed)),
            seconds=MAX_SECONDS,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
