"""Generated calls of every operation: no fault of the server, and no breach of the document.

`make fuzz` goes deeper, with new data each time.
"""

import subprocess

from tests.e2e.plant import Plant
from tests.fuzzing.run import SHALLOW, fuzz
from tests.stack import Stack

EXAMPLES = 2
LONGEST_SECONDS = 240.0
# Below this the document was not understood, and nothing is proved.
FEWEST_CASES = 1_000


def test_no_generated_call_breaks_the_contract(stack: Stack, plant: Plant) -> None:
    token = plant.headers["Authorization"].removeprefix("Bearer ")
    done = fuzz(
        stack.gateway_url,
        token,
        examples=EXAMPLES,
        options=SHALLOW,
        seconds=LONGEST_SECONDS,
        output=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stdout
    [count] = [line for line in done.stdout.splitlines() if " generated" in line]
    assert int(count.split()[0].replace(",", "")) >= FEWEST_CASES
