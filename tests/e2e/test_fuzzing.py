"""Generated calls of every operation: no fault of the server, and no breach of the document.

`make fuzz` goes deeper, with new data each time.
"""

import json
import subprocess
from collections import defaultdict
from uuid import uuid4

import httpx2
import pytest

from tests.e2e.plant import Plant
from tests.fuzzing.run import SHALLOW, fuzz
from tests.isolation.bodies import payload
from tests.isolation.operations import operations
from tests.stack import Stack

EXAMPLES = 2
MAX_SECONDS = 900.0
# Below this the document was not understood, and nothing is proved.
MIN_CASES = 1_000


@pytest.mark.timeout(MAX_SECONDS + 60)
def test_no_generated_call_breaks_the_contract(stack: Stack, plant: Plant) -> None:
    token = plant.headers["Authorization"].removeprefix("Bearer ")
    done = fuzz(
        stack.gateway_url,
        token,
        examples=EXAMPLES,
        options=SHALLOW,
        seconds=MAX_SECONDS,
        output=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stdout
    [count] = [line for line in done.stdout.splitlines() if " generated" in line]
    assert int(count.split()[0].replace(",", "")) >= MIN_CASES
    # The calls were allowed to the end, or until the token expired on a slow machine.
    answer = httpx2.get(f"{stack.gateway_url}/api/v1/users/me", headers=plant.headers)
    assert answer.json().get("code") != "access-ended"


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", ""])
def test_a_body_of_another_type_is_refused(stack: Stack, plant: Plant, media_type: str) -> None:
    document = plant.document()
    # Nobody has these: what is not refused for its type would not be found.
    ids: dict[str, str] = defaultdict(lambda: str(uuid4()))
    wrong = {}
    with httpx2.Client(base_url=stack.gateway_url, timeout=60) as client:
        for operation in operations(document):
            if operation.media_type != "application/json":
                continue
            content = json.dumps(payload(document, operation, ids).json).encode()
            headers = {**plant.headers, "Content-Type": media_type}
            answer = client.request(
                operation.method, operation.address(ids), content=content, headers=headers
            )
            if not 400 <= answer.status_code < 500:
                wrong[operation.name] = answer.status_code
    assert wrong == {}
