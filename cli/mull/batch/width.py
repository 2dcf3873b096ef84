"""How many lines are answered side by side.

In: the size of the weights, the tokens that memory has room for, the lines there are. Out: a number, by a rule.
"""

from __future__ import annotations

WIDEST = 32
"""Sequences. A CPU's rate rises steeply to 16 and little beyond 32: with a model of half a billion weights 26, 54, 116
and 136 tokens per second at 1, 4, 16 and 32 on two cores with AMX (llama-batched-bench); on a Zen 4 core 38, 43, 70
and 77 at 1, 8, 16 and 32, and 66 at 64 (per second of CPU time, short contexts)."""

WIDEST_SMALL = 8
SMALL = 64 << 20
"""Bytes of weights that stay in a CPU's cache: reading them once for many sequences saves little, and what each
sequence passes over of the others' keys and values soon costs as much (pebble takes the least CPU time at 4 to 8, and
at 32 as much as one by one)."""

MOST = 256
"""Sequences that llama.cpp can tell apart in one context."""

TYPICAL = 1024
"""Tokens of prompt and answer. Where memory has room for fewer than that per line, the lines would only make each
other wait and compute again; longer ones may."""


def best_width(weights: int, room: int | None, lines: int | None) -> int:
    """For a model file of so many bytes.

    `room`: tokens that all sequences together may hold, None: more than enough. `lines`: None if nobody knows.
    """
    most = WIDEST_SMALL if weights < SMALL else WIDEST
    fits = most if room is None else room // TYPICAL
    return max(1, min(most, fits, most if lines is None else lines))
