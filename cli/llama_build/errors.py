"""The error of every step of the build: one sentence, one hint, an exit code."""

from __future__ import annotations


class BuildError(Exception):
    """`sentence` says what is wrong, `hint` what to do. The exit code is 2 for wrong usage."""

    def __init__(self, sentence: str, hint: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.code = code
