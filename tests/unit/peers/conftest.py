"""What the tests of the registry client share."""

import pytest


@pytest.fixture
def waits() -> list[float]:
    """What the client would have slept."""
    return []
