"""What tests of second factors share."""

import pytest

from tests.unit.auth.second_factor.setting import Setting


@pytest.fixture
async def setting() -> Setting:
    return await Setting().begin()
