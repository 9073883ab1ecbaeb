"""A spool: what was written, as often as one likes, and nothing for anybody else."""

from __future__ import annotations

import gc
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.store.spool import BLOCK, IN_MEMORY, Spool

LINE = b"a purchase order that nobody else should read~\r\n"


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + BLOCK // 2])
@pytest.mark.parametrize("piece", [1 << 16, (1 << 20) + 7])
def test_what_was_written_is_read_again_and_again(tmp_path: Path, size: int, piece: int) -> None:
    data = (LINE * (size // len(LINE) + 1))[:size]
    spool = Spool(tmp_path)
    for at in range(0, size, piece):
        spool.write(data[at : at + piece])
    assert (spool.size, spool.sha256) == (size, hashlib.sha256(data).hexdigest())
    with ThreadPoolExecutor(4) as readers:
        assert set(readers.map(lambda _: b"".join(spool), range(4))) == {data}
    assert isinstance(spool.content(), bytes) == (size < IN_MEMORY)
    assert spool.held < IN_MEMORY


def test_its_file_has_no_name_and_shows_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(LINE * 100_000)
    assert list(tmp_path.iterdir()) == []
    found = os.pread(spool._file, 10_000_000, 0)
    assert len(found) > IN_MEMORY
    assert b"purchase" not in found
    number = spool._file
    del spool
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)
