"""Longer waits for the rest of a key's sequence, for the programs of the tests: a busy machine brings parts late."""

from __future__ import annotations

from mull.terminal.input import keys, sequences


def wait_longer(factor: float) -> None:
    keys.ESCAPE_SECONDS *= factor
    sequences.REST *= factor
    sequences.LATE *= factor
