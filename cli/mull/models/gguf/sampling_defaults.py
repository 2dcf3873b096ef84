"""The sampling that a file's own header advises: what its maker wrote into it, for models that no catalogue knows.

In: metadata of a GGUF. Out: `Sampling`, with what the header says and nothing else. The file is not trusted: a value
out of its range counts as not said. (llama.cpp's converter copies these from the model's generation_config.json.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mull.models.gguf.header import read_general
from mull.settings import Sampling

# Our name, the header's name behind "general.sampling.", and the range.
_FRACTIONS = (
    ("temperature", "temp", 0.0, 5.0),
    ("top_p", "top_p", 0.0, 1.0),
    ("min_p", "min_p", 0.0, 1.0),
    ("repeat_penalty", "penalty_repeat", 0.1, 10.0),
)
_COUNTS = (("top_k", "top_k", 0, 1 << 20), ("repeat_last_n", "penalty_last_n", -1, 1 << 20))


def advised_sampling(metadata: Mapping[str, Any]) -> Sampling:
    """What the header says of sampling; empty when it says nothing."""
    found: dict[str, Any] = {}
    for ours, theirs, least, most in _FRACTIONS:
        value = metadata.get(f"general.sampling.{theirs}")
        if isinstance(value, float) and least <= value <= most:
            found[ours] = float(f"{value:.6g}")  # a header has 32 bits: 0.7 is not 0.699999988
    for ours, theirs, least, most in _COUNTS:
        value = metadata.get(f"general.sampling.{theirs}")
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            found[ours] = value
    return Sampling(**found)


@lru_cache(maxsize=8)
def sampling_of(path: Path) -> Sampling:
    """The same for a file; read once."""
    return advised_sampling(read_general(path))
