from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.testing import FakeGateway

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as made:
        yield made
