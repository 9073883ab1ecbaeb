from __future__ import annotations

import pytest
from as2_pair import Pair, Side


@pytest.fixture(scope="session")
def pair() -> Pair:
    return Pair(Side("us"), Side("The Peer"))
