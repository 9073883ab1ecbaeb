"""Whether work grows as its input does. Only proportions are judged, so a slow or busy machine changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable


def is_linear(work: Callable[[int], object], size: int, times: int = 8) -> bool:
    """Whether `times` as much takes less than 2.5 times its share of CPU; by a square law it takes `times` its share.

    What else the machine does can only add, so the best of a few tries counts.
    """
    return any(_seconds(work, size * times) < 2.5 * times * max(_seconds(work, size), 0.001) for _ in range(6))


def _seconds(work: Callable[[int], object], size: int) -> float:
    began = time.process_time()
    work(size)
    return time.process_time() - began
