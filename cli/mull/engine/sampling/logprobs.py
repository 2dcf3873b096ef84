"""Log-probabilities of tokens, from a row of raw logits before any sampler.

In: the logits of one row. Out: natural logarithms of probabilities: of the sampled token and of the most likely ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mull.engine.request import TokenLogprobs

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_probs(logits: NDArray[np.float32], token: int, top: int) -> TokenLogprobs:
    """The log-softmax of the row at `token` and at its `top` largest places, largest first."""
    highest = logits.max()
    total = float(highest) + float(np.log(np.exp(logits - highest, dtype=np.float64).sum()))
    best = np.argpartition(logits, -top)[-top:] if top else np.zeros(0, np.int64)
    ranked = best[np.argsort(-logits[best], kind="stable")]
    return TokenLogprobs(
        float(logits[token]) - total, tuple((int(t), float(logits[t]) - total) for t in ranked)
    )
