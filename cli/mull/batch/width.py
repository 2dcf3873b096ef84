"""How many lines are answered side by side.

In: the tokens that memory has room for, the lines there are. Out: a number, from a rule and not from a guess.
"""

from __future__ import annotations

WIDEST = 32
"""Sequences. A CPU's rate rises steeply to 16 and little beyond 32: with a model of half a billion weights on two
cores 26, 54, 116 and 136 tokens per second at 1, 4, 16 and 32 (llama-batched-bench)."""

MOST = 256
"""Sequences that llama.cpp can tell apart in one context."""

TYPICAL = 1024
"""Tokens of prompt and answer. Where memory has room for fewer than that per line, the lines would only make each
other wait and compute again; longer ones may."""


def best_width(room: int | None, lines: int | None = None) -> int:
    """`room`: tokens that all sequences together may hold, None: more than enough. `lines`: None if nobody knows."""
    fits = WIDEST if room is None else room // TYPICAL
    return max(1, min(WIDEST, fits, WIDEST if lines is None else lines))
