"""Find logits from which no token can be chosen: a damaged file computes them, or one whose header is wrong.

In: a context and the output row of its last decode. Out: what is wrong with the row, or the error for it. llama.cpp
samples from such a row without a word. Works without numpy, which a short answer of a small model does not import.
"""

from __future__ import annotations

import ctypes
import math

from mull.engine.context import Context
from mull.errors import EngineError


def fault(context: Context, row: int, n_vocab: int) -> str:
    """What is wrong with the row, as a predicate; empty for logits to choose from. 3 ms for 150,000 tokens."""
    place = ctypes.addressof(context.logits_pointer(row).contents)
    # As a list: twice as quick as a slice of the pointer.
    logits = memoryview((ctypes.c_float * n_vocab).from_address(place)).cast("B").cast("f").tolist()
    total = sum(logits)  # NaN if any of them is, or if there are infinities of both signs
    if math.isnan(total) or total == math.inf:
        return "computes logits that are not numbers (NaN or infinite)"
    # Ends at the second logit, but for a damaged file.
    if n_vocab > 1 and all(logit == logits[0] for logit in logits):
        return "computes the same logit for every token"
    return ""


def is_chosen_for_good(context: Context, row: int, token: int) -> bool:
    """Whether the logit of a sampled token is a number; it is not where all of them are NaN. One microsecond."""
    return math.isfinite(context.logits_pointer(row)[token])


def unusable(predicate: str) -> EngineError:
    """The error for a model that computes such logits."""
    return EngineError(
        "unusable_logits",
        f"No answer can be chosen: the model {predicate}.",
        "The file is damaged or was converted wrongly, or llama.cpp computes it wrongly with these settings: get "
        "another file, or try without --kv-type and --gpu-layers.",
    )
