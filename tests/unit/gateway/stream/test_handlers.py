"""What of the topics goes to clients."""

import orjson
import pytest

from services.gateway.stream.handlers import STREAMED, stream_event
from shared.events.base import Event
from tests.support.fakes import FakeClock
from tests.unit.gateway.stream.test_domain import ORGANIZATION
from tests.unit.shared.examples import EXAMPLES


@pytest.mark.parametrize("name", STREAMED)
def test_each_streamed_event_says_its_type_and_machine(name: str) -> None:
    """Clients filter by both."""
    payload, clock = EXAMPLES[name], FakeClock()
    value = payload.model_dump_json().encode()
    sent = Event(ORGANIZATION, STREAMED[name], "key", ORGANIZATION, clock.now(), payload)
    found = stream_event(sent, ORGANIZATION, value)
    assert (found.type, str(found.machine_id)) == (name, orjson.loads(value)["machine_id"])
    assert orjson.loads(found.text)["data"] == orjson.loads(value)


def test_sources_that_fail_are_streamed_as_analyses_that_fail_are() -> None:
    assert {"analysis.failed", "source.failed", "source.recovered"} <= STREAMED.keys()
