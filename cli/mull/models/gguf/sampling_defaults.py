"""The sampling defaults in a GGUF's header, used for models that are not in the catalogue.

In: metadata of a GGUF. Out: `Sampling` with the values of the header. The file is not trusted: a value out of range is
ignored. (llama.cpp's converter copies these from the model's generation_config.json.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mull.models.gguf.header import read_general
from mull.settings import Sampling

# Our name, the header's name after "general.sampling.", and the range.
_FRACTIONS = (
    ("temperature", "temp", 0.0, 5.0),
    ("top_p", "top_p", 0.0, 1.0),
    ("min_p", "min_p", 0.0, 1.0),
    ("repeat_penalty", "penalty_repeat", 0.1, 10.0),
)
_COUNTS = (("top_k", "top_k", 0, 1 << 20), ("repeat_last_n", "penalty_last_n", -1, 1 << 20))


def sampling_defaults(metadata: Mapping[str, Any]) -> Sampling:
    """The sampling defaults of a header; empty without any."""
    found: dict[str, Any] = {}
    for ours, theirs, least, most in _FRACTIONS:
        value = metadata.get(f"general.sampling.{theirs}")
        if isinstance(value, float) and least <= value <= most:
            found[ours] = float(f"{value:.6g}")  # headers have 32-bit floats: 0.7 rather than 0.699999988
    for ours, theirs, least, most in _COUNTS:
        value = metadata.get(f"general.sampling.{theirs}")
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            found[ours] = value
    return Sampling(**found)


@lru_cache(maxsize=8)
def file_sampling_defaults(path: Path) -> Sampling:
    """The sampling defaults of a file, cached."""
    return sampling_defaults(read_general(path))
