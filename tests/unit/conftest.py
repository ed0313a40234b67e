"""What the tests of the API share."""

import pytest

from tests.unit.api_fakes import World


@pytest.fixture
def world() -> World:
    """A world with a published firmware tree."""
    made = World()
    made.publish()
    return made
