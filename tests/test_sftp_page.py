"""docs/sftp.md followed word by word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from followed_page import follow

from gateway.cli.story.parties import free_port


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.skipif(shutil.which("sftp") is None, reason="the page uses OpenSSH's sftp")
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    said = follow("sftp.md", tmp_path, replaced={"2222": str(free_port())})
    assert said.count("SHA256:") == 2
    assert "hello.edi" in said.split("SHA256:")[2]
    assert "CEDAR" in said
    assert (tmp_path / "edi" / "var" / "sftp_host_ed25519_key").stat().st_mode & 0o777 == 0o600
    assert "Traceback" not in (tmp_path / "edi" / "gateway.log").read_text()
