from __future__ import annotations

from pathlib import Path

import pytest

from cli.deployments import Deployment, made


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """What `gateway init` makes, as the current folder."""
    return made(tmp_path, monkeypatch)
