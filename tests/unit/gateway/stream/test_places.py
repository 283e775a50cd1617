"""Event streams of a caller and of an organization are bounded, and their places come back."""

from contextlib import ExitStack
from uuid import uuid4

import pytest

from services.gateway.errors import TooManyStreams
from services.gateway.stream.places import StreamPlaces


def test_places_of_a_caller_and_of_an_organization_end() -> None:
    places = StreamPlaces(2, 3)
    organization, ada, eva = uuid4(), uuid4(), uuid4()
    with ExitStack() as open_streams:
        for _ in range(2):
            open_streams.enter_context(places.taken(organization, ada))
        with pytest.raises(TooManyStreams) as refused:
            open_streams.enter_context(places.taken(organization, ada))
        assert refused.value.params["limit"] == "caller"
        open_streams.enter_context(places.taken(organization, eva))
        with pytest.raises(TooManyStreams) as refused:
            open_streams.enter_context(places.taken(organization, eva))
        assert refused.value.params["limit"] == "organization"
        # Another organization is not affected.
        open_streams.enter_context(places.taken(uuid4(), eva))
    with places.taken(organization, ada):
        pass
