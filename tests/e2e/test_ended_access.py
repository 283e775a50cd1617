"""Access that ends, ends everywhere: in every program, for tokens from before, API keys and open streams."""

import pytest

from tests.e2e.endings import ENDINGS, STREAM, Ending, scene, seconds_until_refused
from tests.stack import Stack

PROGRAMS = {"auth", "machines", "analysis", "alerting", "gateway", STREAM}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
async def test_every_program_refuses_what_was_issued_before(stack: Stack, ending: Ending) -> None:
    stack.wait_ready()
    async with scene(stack) as all_of_it:
        refused = await seconds_until_refused(all_of_it, ending)
    if ending.of_person:
        assert set(refused) >= PROGRAMS
    if ending.of_key:
        assert set(refused) >= {"gateway, API key", "machines, API key", "analysis, API key"}
