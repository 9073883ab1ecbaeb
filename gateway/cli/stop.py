"""How a verb ends early: one sentence for a person and an exit code."""

from __future__ import annotations


class Stop(Exception):
    """The command cannot go on; its text is the sentence a person reads."""

    def __init__(self, sentence: str, *, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code
