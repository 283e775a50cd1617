"""The benchmark of lists knows every list of the document, its filters and its path."""

import pytest

from bench.lists import ids, requests
from tests.lists.seed import Seed, Size
from tests.lists.services import ListOperation, lists


@pytest.mark.parametrize("operation", lists(), ids=lambda operation: operation.id)
def test_every_filter_and_path_of_a_list_has_values(operation: ListOperation) -> None:
    seed = Seed.new(Size.scaled(0.01))
    asked = list(requests(seed, operation))
    assert {name for request in asked for name in request.filters} == set(operation.filters)
    assert "{" not in operation.path.format_map(ids(seed, 1))
